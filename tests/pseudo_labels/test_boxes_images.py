"""Pictures labelled by a detector of bright colours, and by one of mmdet's as mmdet itself runs it."""

import contextlib
import io
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from perception_kd.datasets.nuscenes.stamp import refuse_pseudo_labels
from perception_kd.pseudo_labels.boxes.job import BoxJob
from perception_kd.pseudo_labels.boxes.pictures import Detector, MakeDetector, detector_classes, list_pictures
from perception_kd.pseudo_labels.boxes.pictures_job import coco_of_rows, label_pictures
from perception_kd.pseudo_labels.boxes.rule import KeepRule
from tests.pseudo_labels.teachers import config_2d, weights

RECTANGLES = {'a/1.png': [('red', 4, 3, 20, 9), ('green', 30, 20, 5, 12)], 'a/2.png': [],
              'b.png': [('blue', 0, 0, 10, 2), ('red', 50, 30, 14, 18)]}
COLOURS = {'red': (0, 0, 255), 'green': (0, 255, 0), 'blue': (255, 0, 0)}  # as OpenCV has them


@pytest.fixture
def pictures(tmp_path):
    """Pictures of 64 x 48 pixels with coloured rectangles on grey."""
    for name, rectangles in RECTANGLES.items():
        picture = np.full((48, 64, 3), 90, np.uint8)
        for colour, left, top, width, height in rectangles:
            picture[top:top + height, left:left + width] = COLOURS[colour]
        path = tmp_path / 'pictures' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), picture)
    return tmp_path / 'pictures'


@pytest.fixture
def job(tmp_path):
    return BoxJob(config_2d(), weights(tmp_path), tmp_path / 'out', KeepRule(0.2))


def quietly(call, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return call(*arguments)


def test_a_folder_becomes_a_file_that_pycocotools_reads_and_scores(job, pictures):
    report = label_pictures(job, pictures)
    coco = quietly(COCO, str(report.labels))
    assert sorted(coco.imgs) == [1, 2, 3] and sorted(coco.anns) == [1, 2, 3, 4] and sorted(coco.cats) == [1, 2, 3]
    assert [image['file_name'] for image in coco.dataset['images']] == list(RECTANGLES)
    assert {(image['width'], image['height']) for image in coco.dataset['images']} == {(64, 48)}
    found = {name: [] for name in RECTANGLES}
    for one in coco.anns.values():
        found[coco.imgs[one['image_id']]['file_name']].append((coco.cats[one['category_id']]['name'], *one['bbox']))
    assert found == {name: sorted(rows, key=lambda row: list(COLOURS).index(row[0]))
                     for name, rows in RECTANGLES.items()}
    results = quietly(coco.loadRes, [dict(one, score=0.5) for one in coco.dataset['annotations']])
    evaluation = quietly(COCOeval, coco, results, 'bbox')
    for step in (evaluation.evaluate, evaluation.accumulate, evaluation.summarize):
        quietly(step)
    assert evaluation.stats[0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match=r'pseudo_coco.json: its boxes are pseudo-labels of .*teacher.pth'):
        refuse_pseudo_labels(coco.dataset['info'], report.labels)


def test_rules_of_score_and_size_without_predicting_again(job, pictures, monkeypatch):
    label_pictures(job, pictures)
    monkeypatch.setattr(MakeDetector, '__call__', lambda self: pytest.fail('predicts again'))
    report = label_pictures(replace(job, rule=KeepRule(0.7, {'blue': 0.2}, evidence=3)), pictures)
    assert report.done.earlier == 3 and report.tally.empty == 1
    ends = {name: {fate for fate, count in row.items() if count} for name, row in report.tally.counts.items()}
    assert ends == dict(red={'kept'}, green={'unsure'}, blue={'unseen'}) and report.tally.kept == 2


def test_a_list_names_its_pictures_and_damaged_ones_fail(job, pictures, tmp_path):
    (pictures / 'broken.png').write_bytes(b'no picture')
    cv2.imwrite(str(pictures / 'cut.jpg'), np.zeros((48, 64, 3), np.uint8))
    (pictures / 'cut.jpg').write_bytes((pictures / 'cut.jpg').read_bytes()[:-100])
    listing = pictures / 'some.txt'
    listing.write_text('b.png\n\nbroken.png\ncut.jpg\na/1.png\n')
    report = label_pictures(replace(job, retries=0), listing)
    assert report.done.failed.keys() == {'broken.png', 'cut.jpg'}
    assert 'cannot be read' in report.done.failed['broken.png'] and 'truncated' in report.done.failed['cut.jpg']
    assert [image['file_name'] for image in quietly(COCO, str(report.labels)).dataset['images']] == ['b.png', 'a/1.png']
    listing.write_text('broken.png\n')
    with pytest.raises(ValueError, match=r'all 1 items failed, for example broken\.png'):
        label_pictures(replace(job, retries=0, out=tmp_path / 'other'), listing)


@pytest.mark.parametrize(('write', 'message'), [
    (lambda folder: folder / 'gone', 'gone does not exist'),
    (lambda folder: folder, 'no picture there'),
    (lambda folder: (folder / 'l.txt', (folder / 'l.txt').write_text('x.png\n'))[0], 'l.txt: picture .*x.png does not'),
    (lambda folder: (folder / 'l.bin', (folder / 'l.bin').write_bytes(b'\xff\xfe\x80'))[0], 'neither a folder, nor'),
])
def test_bad_sources_are_told_in_a_line(tmp_path, write, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        list_pictures(write(tmp_path))


def test_classes_of_checkpoint_before_those_of_config_before_those_of_the_data_set(tmp_path):
    cfg = config_2d()
    assert detector_classes(cfg, weights(tmp_path, dataset_meta=dict(classes=['drone']))) == ['drone']
    assert detector_classes(cfg, weights(tmp_path)) == ['red', 'green', 'blue']
    cfg.test_dataloader.dataset.pop('metainfo')
    assert len(detector_classes(cfg, weights(tmp_path))) == 80
    cfg.test_dataloader.dataset.pop('type')
    with pytest.raises(ValueError, match='names the classes'):
        detector_classes(cfg, weights(tmp_path))


def test_labels_without_a_class_are_refused():
    row = dict(width=4, height=4, boxes=[[0, 0, 1, 1]], scores=[0.9], labels=[2])
    with pytest.raises(ValueError, match='gives label 2, and its 2 classes are a, b'):
        coco_of_rows({'x.png': row}, ['a', 'b'], KeepRule(), {})


def test_a_detector_of_mmdet_finds_what_mmdet_s_own_inference_finds(pictures, tmp_path):
    from mmdet.apis import inference_detector, init_detector

    anchors = dict(type='AnchorGenerator', octave_base_scale=2, scales_per_octave=1, ratios=[1.0], strides=[8, 16])
    head = dict(type='RetinaHead', num_classes=3, in_channels=8, stacked_convs=1, feat_channels=8,
                anchor_generator=anchors, bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
                loss_cls=dict(type='FocalLoss', use_sigmoid=True))
    cfg = Config(dict(default_scope='mmdet', model=dict(
        type='RetinaNet', data_preprocessor=dict(type='DetDataPreprocessor', mean=[90.0] * 3, std=[60.0] * 3,
                                                 bgr_to_rgb=True, pad_size_divisor=32),
        backbone=dict(type='ResNet', depth=18, base_channels=8, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1),
                      out_indices=(1, 2)),
        neck=dict(type='FPN', in_channels=[16, 32], out_channels=8, num_outs=2), bbox_head=head,
        test_cfg=dict(nms_pre=50, min_bbox_size=0, score_thr=0.0, nms=dict(type='nms', iou_threshold=0.5),
                      max_per_img=20)), test_dataloader=dict(dataset=dict(type='CocoDataset', pipeline=[
                          dict(type='LoadImageFromFile'), dict(type='Resize', scale=(128, 96), keep_ratio=True),
                          dict(type='LoadAnnotations', with_bbox=True), dict(type='PackDetInputs', meta_keys=(
                              'img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'))]))))
    cfg.test_pipeline = cfg.test_dataloader.dataset.pipeline
    torch.manual_seed(0)
    theirs = init_detector(cfg.copy(), None, device='cpu')
    torch.nn.init.normal_(theirs.bbox_head.retina_cls.weight, std=0.5)
    torch.save(dict(state_dict=theirs.state_dict(), meta=dict(dataset_meta=dict(classes=list('abc')))),
               tmp_path / 'r.pth')
    row = Detector(MakeDetector(cfg, tmp_path / 'r.pth', floor=0.0))('b.png', pictures / 'b.png')
    expected = inference_detector(theirs, str(pictures / 'b.png')).pred_instances
    boxes = expected.bboxes.numpy().clip(0, [64, 48, 64, 48])
    assert len(boxes) > 10 and (row['width'], row['height']) == (64, 48)
    np.testing.assert_allclose(row['boxes'], np.c_[boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], atol=1e-3)
    np.testing.assert_allclose(row['scores'], expected.scores, atol=1e-4)
    assert row['labels'] == expected.labels.tolist()
