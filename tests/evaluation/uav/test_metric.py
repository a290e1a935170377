"""The Runner's metric, and the command lines around it."""

from __future__ import annotations

import json
import math
import pickle
import runpy
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import cv2
import numpy as np
import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from perception_kd.engine.build import load_config
from perception_kd.evaluation.commands import build_parser
from perception_kd.evaluation.uav import UAVMetric, read_truth, score
from perception_kd.evaluation.uav.predictions import read_predictions
from perception_kd.registry import DATASETS, METRICS
from tests.evaluation.uav.made import coco, frame, random_world, save

ROOT = Path(__file__).parents[3]
CONFIG = """
default_scope = 'perception_kd'
_base_ = [{evaluator!r}]
custom_imports = dict(imports=['tests.evaluation.uav.echo_uav'])
data_root, val_ann, test_ann, layout = {root!r}, 'ann.json', 'ann.json', 'coco'
model = dict(type='Shifted')
test_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                       dataset=dict(type='BareUAV', ann_file='${{data_root}}/${{val_ann}}', pipeline=[]))
test_cfg = dict()
val_evaluator = None
"""


def samples_of(results: list[dict], images: list[int], labels: dict[int, int] | None = None) -> list[dict]:
    """Data samples as a Runner hands them over, in single precision."""
    found = []
    for image in images:
        mine = [row for row in results if row['image_id'] == image]
        boxes = torch.tensor([row['bbox'] for row in mine], dtype=torch.float32).reshape(-1, 4)
        found.append(dict(img_id=image, pred_instances=dict(
            bboxes=torch.cat([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], dim=1),
            scores=torch.tensor([row['score'] for row in mine]),
            labels=torch.tensor([row['category_id'] - 1 for row in mine], dtype=torch.long))))
    return found


def evaluate(samples: list[dict], classes: tuple[str, ...] = ('drone',), **settings: Any) -> dict[str, float]:
    evaluator = Evaluator(METRICS.build(dict(type='UAVMetric', **settings)))
    evaluator.dataset_meta = dict(classes=classes)
    for sample in samples:
        evaluator.process(data_samples=[sample])
    return evaluator.evaluate(len(samples))


def run(*words: object) -> int:
    parsed = build_parser('').parse_args(list(map(str, words)))
    return parsed.run(parsed)


def test_figures_and_what_is_kept(tmp_path: Path) -> None:
    """Keys with the data set's name; the files score to the same figures to the last digit; NaN is None in JSON."""
    truth, results = random_world(1, 12, classes=2)
    ann, classes = save(tmp_path, 'ann.json', truth), ('drone', 'bird')
    found = evaluate(samples_of(results, list(range(1, 13))), classes, ann_file=str(ann), prefix='made',
                     save_dir=str(tmp_path / 'out'), nwd=12.8)
    loaded = read_truth(ann, classes)
    exact = score(loaded, read_predictions(save(tmp_path, 'res.json', results), loaded)).figures
    for name in ('AP', 'AP_t', 'recall', 'F1'):
        assert found[f'made/{name}'] == pytest.approx(exact[name], abs=1e-4)
    kept = json.loads((tmp_path / 'out' / 'uav_metrics.json').read_text())
    assert kept['figures'] == {name.removeprefix('made/'): None if math.isnan(value) else value
                               for name, value in found.items()}
    assert (kept['name'], kept['classes'], kept['annotations']) == ('made', list(classes), str(ann))
    again = ('uav', tmp_path / 'out' / 'results_uav.json', '--ann', ann, '--classes', *classes, '--nwd', 12.8)
    assert run(*again, '--name', 'made', '--resamples', 0, '--json', tmp_path / 'again.json') == 0
    stored = json.loads((tmp_path / 'again.json').read_text())
    same = ('figures', 'counts', 'curve', 'worst', 'rules', 'annotations_fingerprint')
    assert {key: stored[key] for key in same} == {key: kept[key] for key in same}


def test_truth_in_the_samples(tmp_path: Path) -> None:
    """Without a file, the samples' own instances serve, in the same pixels."""
    truth, results = random_world(2, 8)
    wanted = evaluate(samples_of(results, list(range(1, 9))), ann_file=str(save(tmp_path, 'ann.json', truth)))
    samples = samples_of(results, list(range(1, 9)))
    for sample in samples:
        rows = [row for row in truth['annotations'] if row['image_id'] == sample['img_id']]
        corners = [np.array(row['bbox']) + [0, 0, *row['bbox'][:2]] for row in rows]
        sample['instances'] = [dict(bbox=box.tolist(), bbox_label=0, ignore_flag=row['iscrowd'])
                               for box, row in zip(corners, rows)]
    assert evaluate(samples, layout='yolo', ann_file='none.json') == pytest.approx(wanted, nan_ok=True)
    for sample in samples:  # as a pipeline leaves them: scaled to the network's input
        rows = sample.pop('instances')
        sample['scale_factor'] = (0.5, 0.5)
        for key, flag in (('gt_instances', 0), ('ignored_instances', 1)):
            boxes = [row['bbox'] for row in rows if row['ignore_flag'] == flag]
            sample[key] = dict(bboxes=0.5 * torch.tensor(boxes, dtype=torch.float64).reshape(-1, 4),
                               labels=torch.zeros(len(boxes), dtype=torch.long))
    assert evaluate(samples) == pytest.approx(wanted, nan_ok=True)
    del samples[3]['gt_instances']
    with pytest.raises(ValueError, match='image 4 has no truth: give UAVMetric an ann_file'):
        evaluate(samples)


@pytest.mark.parametrize('layout', ['coco', 'yolo'])
def test_the_truth_is_that_of_the_pictures_whatever_the_network_reads(tmp_path: Path, layout: str) -> None:
    """A drone of 2.5 px of a wide picture counts, though it has less than 1 px at 320; one of 0.6 px is ignored."""
    boxes = [[100, 90, 2.5, 2.5], [400, 200, 20, 10], [600, 30, 0.6, 4]]
    for folder in ('images', 'labels', 'annotations'):
        (tmp_path / folder).mkdir()
    cv2.imwrite(str(tmp_path / 'images' / '001.png'), np.zeros((540, 960, 3), np.uint8))
    (tmp_path / 'labels' / '001.txt').write_text(''.join(
        f'0 {(x + w / 2) / 960} {(y + h / 2) / 540} {w / 960} {h / 540}\n' for x, y, w, h in boxes))
    (tmp_path / 'classes.txt').write_text('drone\n')
    save(tmp_path / 'annotations', 'val.json', coco(
        [dict(id=1, file_name='images/001.png', width=960, height=540)], [dict(image_id=1, bbox=box) for box in boxes]))
    cfg = load_config(ROOT / 'configs' / 'uav' / 'cpu' / 'yolov5n_cbi.py', dict(data_root=str(tmp_path), layout=layout))
    init_default_scope('perception_kd')
    dataset = DATASETS.build(dict(cfg.val_dataloader.dataset, **(dict(split='all') if layout == 'yolo' else {})))
    metric = METRICS.build(dict(cfg.val_evaluator))
    sample = dataset[0]['data_samples']
    assert len(sample.gt_instances) == 1 and len(sample.ignored_instances) == 2
    left, top, width, height = boxes[1]
    sample.pred_instances = InstanceData(
        bboxes=torch.tensor([[left, top, left + width, top + height]]).float(), scores=torch.ones(1),
        labels=torch.zeros(1).long())
    metric.dataset_meta = dataset.metainfo
    metric.process(None, [sample.to_dict()])
    found = metric.evaluate(1)
    assert found['uav/recall'] == 0.5 and found['uav/recall_0_8'] == 0 and found['uav/recall_8_16'] == 1
    assert found['uav/precision'] == 1


def test_a_part_of_the_images(tmp_path: Path) -> None:
    """What was not looked at is no miss."""
    truth, results = random_world(3, 12)
    ann = save(tmp_path, 'ann.json', truth)
    found = evaluate(samples_of(results, [1, 2, 3]), ann_file=str(ann))
    part = {**truth, 'images': truth['images'][:3],
            'annotations': [row for row in truth['annotations'] if row['image_id'] <= 3]}
    whole = evaluate(samples_of(results, [1, 2, 3]), ann_file=str(save(tmp_path, 'part.json', part)))
    assert found == pytest.approx(whole, nan_ok=True)


def test_two_processes(tmp_path: Path) -> None:
    """Each has every second image, the last one is padded; what they send survives pickling, and scores as one."""
    truth, results = random_world(4, 7)
    ann = str(save(tmp_path, 'ann.json', truth))
    wanted = evaluate(samples_of(results, list(range(1, 8))), ann_file=ann)
    metrics = [UAVMetric(ann_file=ann), UAVMetric(ann_file=ann)]
    for rank, metric in enumerate(metrics):
        images = [1 + (rank + 2 * step) % 7 for step in range(4)]  # as mmengine's sampler: the first one once more
        metric.process(None, samples_of(results, images))
    parts = [pickle.loads(pickle.dumps(metric.results)) for metric in metrics]
    together = [one for pair in zip(*parts) for one in pair]
    with patch('mmengine.evaluator.metric.collect_results', lambda own, size, device, tmpdir: together[:size]):
        assert metrics[0].evaluate(7) == pytest.approx(wanted, nan_ok=True)


def test_bad_samples(tmp_path: Path) -> None:
    """NaN, boxes inside out, labels of no class, images twice or unknown: one line each with the image."""
    ann = str(save(tmp_path, 'ann.json', coco([frame(1)], [dict(image_id=1, bbox=[1, 1, 5, 5])])))
    row = dict(image_id=1, category_id=1, bbox=[1.0, 1, 5, 5], score=0.5)
    for bad, message in ((dict(score=float('nan')), 'image 1: the detector gives NaN'),
                         (dict(bbox=[1, 1, float('inf'), 5]), 'image 1: the detector gives NaN or infinity'),
                         (dict(bbox=[1, 1, -5, 5]), 'image 1: a predicted box ends before it begins'),
                         (dict(category_id=3), 'image 1: the detector predicts label 2, the classes are drone')):
        with pytest.raises(ValueError, match=message):
            evaluate(samples_of([{**row, **bad}], [1]), ann_file=ann)
    with pytest.raises(ValueError, match='image 1 was predicted twice'):
        evaluate(samples_of([row], [1, 1]), ann_file=ann)
    with pytest.raises(ValueError, match=r'ann\.json: image 5 was predicted and is not there'):
        evaluate(samples_of([{**row, 'image_id': 5}], [1, 5]), ann_file=ann)
    with pytest.raises(ValueError, match='format_only needs save_dir'):
        UAVMetric(format_only=True)


def test_pseudo_labels_are_no_truth(tmp_path: Path) -> None:
    """Also where a Runner scores."""
    content = coco([frame(1)], [], info=dict(pseudo_labels=dict(checkpoint='teacher.pth')))
    with pytest.raises(ValueError, match=r'pseudo-labels of teacher\.pth'):
        evaluate(samples_of([], [1]), ann_file=str(save(tmp_path, 'ann.json', content)))


def test_test_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    """``tools/test.py`` with the evaluator's base config; ``--format-only`` leaves the boxes alone."""
    truth, _ = random_world(5, 6, crowds=False)
    save(tmp_path, 'ann.json', truth)
    config = tmp_path / 'echo.py'
    config.write_text(CONFIG.format(root=str(tmp_path), evaluator=str(ROOT / 'configs/_base_/evaluators/uav.py')))
    assert load_config(config).test_evaluator.ann_file == str(tmp_path / 'ann.json')
    torch.save({'state_dict': {'weight': torch.tensor(0.0)}}, tmp_path / 'w.pth')
    for out, more in (('out', []), ('only', ['--format-only'])):
        words = ['test.py', config, tmp_path / 'w.pth', '--work-dir', tmp_path / out, *more]
        monkeypatch.setattr(sys, 'argv', list(map(str, words)))
        assert runpy.run_path(str(ROOT / 'tools' / 'test.py'))['main']() == 0
    kept = json.loads((tmp_path / 'out' / 'uav_metrics.json').read_text())
    assert kept['figures']['AP'] == pytest.approx(1) and kept['figures']['recall'] == 1
    results = (tmp_path / 'out' / 'results_uav.json').read_bytes()
    assert results == (tmp_path / 'only' / 'results_uav.json').read_bytes()
    assert not (tmp_path / 'only' / 'uav_metrics.json').exists()
    capsys.readouterr()


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Tables, parts, files; what is not there is told, and nothing is written then."""
    truth, results = random_world(6, 20, videos=5)
    ann, res = save(tmp_path, 'ann.json', truth), save(tmp_path, 'res.json', results)
    assert run('uav', res, '--ann', ann, '--by-video', '--resamples', 20, '--out', tmp_path / 'out') == 0
    printed = capsys.readouterr().out
    assert 'uav: 20 images of 5 videos' in printed and 'only 5 videos: intervals are rough' in printed
    assert all(f'clip_{number}' in printed for number in range(1, 6)) and 'side up to 8 px' in printed
    kept = json.loads((tmp_path / 'out' / 'uav_metrics.json').read_text())
    assert len(kept['by_video']) == 5 and len(kept['intervals']['AP']) == 2 and kept['resamples'] == 20
    assert run('uav', res, '--ann', ann, '--videos', 'clip_2', '--resamples', 0) == 0
    assert 'uav: 4 images of 1 videos' in capsys.readouterr().out
    save(tmp_path, 'few.json', [row for row in results if row['image_id'] <= 2])
    assert run('uav', tmp_path / 'few.json', '--ann', ann, '--partial', '--resamples', 0) == 0
    capsys.readouterr()
    for more, message in ((['--videos', 'clip_9'], 'no video clip_9'), (['--score', 'nan'], 'score_thr'),
                          (['--classes', 'bird'], 'no category bird'), (['--out', res], 'is a file; name a folder')):
        with pytest.raises((ValueError, OSError), match=message):
            run('uav', res, '--ann', ann, '--json', tmp_path / 'no.json', *more)
    with pytest.raises(ValueError, match='no picture to score'):
        run('uav', save(tmp_path, 'none.json', []), '--ann', ann, '--partial')
    assert not (tmp_path / 'no.json').exists()
