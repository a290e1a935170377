"""The data set: as mmdet's on the same file, negatives kept, and a YOLO folder as its conversion."""

from __future__ import annotations

import json

import perception_kd.compat  # noqa: F401  isort: skip
import numpy as np
import pytest
from mmdet.datasets import CocoDataset

from perception_kd.datasets.uav.convert import Conversion, convert_uav
from perception_kd.files import write_json
from perception_kd.registry import DATASETS
from tests.datasets.uav.worlds import make_coco, make_yolo, write_picture, write_text, yolo_line

KEPT = ('img_path', 'img_id', 'height', 'width')


@pytest.fixture
def root(tmp_path):
    make_coco(tmp_path / 'set')
    convert_uav('coco', tmp_path / 'set', tmp_path / 'out', Conversion())
    return tmp_path / 'out'


def build(root, **more):
    return DATASETS.build(dict(type='UAVDataset', data_root=str(root), **{'pipeline': [], **more}))


def change(path, part):
    content = json.loads(path.read_text())
    part(content)
    write_json(path, content)


@pytest.mark.parametrize('classes', [('drone',), ('drone', 'bird'), ('bird',)])
def test_samples_are_those_of_mmdet(root, classes, capsys):
    ours = build(root, classes=classes, data_prefix=dict(img=''), filter_cfg=dict(filter_empty_gt=False))
    theirs = CocoDataset(data_root=str(root), ann_file='annotations/train.json', pipeline=[],
                         data_prefix=dict(img=''), metainfo=dict(classes=classes))
    assert len(ours) == len(theirs) == 3 and ours.cat_ids == theirs.cat_ids
    for row, other in zip(ours, theirs):
        assert {key: row[key] for key in KEPT} == {key: other[key] for key in KEPT}
        assert row['frame_id'] == row['img_id'] - 1 and row['video_id'] == 1
        pairs = list(zip(row['instances'], other['instances'], strict=True))
        for one, same in pairs:
            assert {key: one[key] for key in same} == same
    assert ours.metainfo['classes'] == classes
    assert [ours.get_cat_ids(place) for place in range(3)] == [theirs.get_cat_ids(place) for place in range(3)]


def test_labels_are_places_in_classes_whatever_the_file_s_order(root):
    labels = [[one['bbox_label'] for one in row['instances']] for row in build(root, classes=('bird', 'drone'))]
    assert labels == [[1], [], [0]]  # mmdet's own keeps the file's order: 0 and 1


def test_pictures_of_other_categories_stay_and_can_be_left_out(root):
    rows = list(build(root))
    assert [len(row['instances']) for row in rows] == [1, 0, 0] and rows[0]['instances'][0]['instance_id'] == 2
    assert len(build(root, filter_cfg=dict(filter_empty_gt=True))) == 1
    assert len(build(root, filter_cfg=dict(filter_empty_gt=True), test_mode=True)) == 3
    assert len(build(root, filter_cfg=dict(min_size=48))) == 3 and len(build(root, indices=2)) == 2
    with pytest.raises(ValueError, match=r"filter_cfg {'min_size': 49} leaves no picture of 3"):
        build(root, filter_cfg=dict(min_size=49))


def test_crowds_and_boxes_below_a_pixel_are_ignored(root):
    path = root / 'annotations/train.json'
    change(path, lambda content: content['annotations'][0].update(bbox=[3, 3, 0.9, 8]))
    flags = [one['ignore_flag'] for row in build(root, classes=('drone', 'bird')) for one in row['instances']]
    assert flags == [1, 1]


def test_a_yolo_folder_is_read_as_its_conversion(tmp_path):
    make_yolo(tmp_path / 'set')
    convert_uav('yolo', tmp_path / 'set', tmp_path / 'out', Conversion())
    for split in ('train', 'val'):
        name = f'annotations/{split}.json'
        for bare in (build(tmp_path / 'set', layout='yolo', ann_file=name),
                     build(tmp_path / 'set', layout='yolo', split=split, test_mode=True)):
            rows = list(build(tmp_path / 'out', ann_file=name))
            assert len(bare) == len(rows) == 3
            for row, other in zip(bare, rows):
                assert row['img_path'].endswith(other['img_path'].rsplit('/', 1)[1])
                assert {key: value for key, value in row.items() if key not in ('img_path', 'sample_idx')} == {
                    key: value for key, value in other.items() if key not in ('img_path', 'sample_idx')}
    assert len(build(tmp_path / 'set', layout='yolo', split='all', classes=('bird', 'drone'))) == 6
    with pytest.raises(FileNotFoundError, match=r'split test \(there: train, val\); .*test_ann=annotations/val.json'):
        build(tmp_path / 'set', layout='yolo', ann_file='annotations/test.json')


def test_a_yolo_folder_without_splits(tmp_path):
    write_text(tmp_path / 'classes.txt', 'drone')
    write_picture(tmp_path / 'images/a.jpg', 1)
    write_text(tmp_path / 'labels/a.txt', yolo_line(0, 1, 2, 3, 4))
    with pytest.raises(FileNotFoundError, match=r'split train \(there: no split\); split the set by video: python'):
        build(tmp_path, layout='yolo')
    row = build(tmp_path, layout='yolo', split='all')[0]
    np.testing.assert_allclose(row['instances'][0]['bbox'], [1, 2, 4, 6], atol=1e-3)
    assert 'video_id' not in row


def test_pseudo_labels_train_and_never_judge(root):
    path = root / 'annotations/train.json'
    change(path, lambda content: content['info'].update(pseudo_labels=dict(checkpoint='teacher.pth')))
    assert len(build(root)) == 3
    with pytest.raises(ValueError, match=r'train.json: its boxes are pseudo-labels of teacher.pth'):
        build(root, test_mode=True)


@pytest.mark.parametrize(('more', 'message'), [
    (dict(ann_file='annotations/gone.json'), r'gone.json does not exist; make it with'),
    (dict(layout='voc'), r"unknown layout 'voc' of a UAV data set; there are coco, yolo"),
    (dict(classes=('drone', 'kite')), r'train.json: no category kite in it; there are drone, bird'),
    (dict(layout='yolo'), r'no list of classes')])
def test_mistakes_are_told_in_a_line(root, more, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        build(root, **more)


@pytest.mark.parametrize(('part', 'message'), [
    (lambda content: content.pop('images'), 'no COCO file'),
    (lambda content: content['images'].clear(), 'names no picture'),
    (lambda content: content['images'][0].pop('file_name'), 'images hold an entry without id, file_name'),
    (lambda content: content['images'][1].update(id=1), 'two images have the same id'),
    (lambda content: content['images'][0].update(width='64'), 'picture 1 has no width and height'),
    (lambda content: content['annotations'][0].update(bbox=7), 'annotations hold an entry without')])
def test_damaged_files_are_told_in_a_line(root, part, message):
    change(root / 'annotations/train.json', part)
    with pytest.raises(ValueError, match=rf'train.json: {message}'):
        build(root)


def test_broken_pictures_are_replaced_while_training(root):
    (root / 'images/train/clip train/0.png').unlink()
    (root / 'images/train/clip train/0.png').write_bytes(b'broken')
    load = [dict(type='perception_kd.LoadPicture')]
    assert all('img' in build(root, max_corrupt=3, pipeline=load)[place] for place in range(3))
    with pytest.raises(ValueError, match=r'0.png: corrupt picture'):
        build(root, pipeline=load, test_mode=True)[0]
