"""Our models and the official metrics on the real frame, by the settings that a user would type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.registry import DefaultScope, init_default_scope
from mmengine.runner import Runner
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.evaluate import DetectionEval

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
from perception_kd.datasets.transforms import LoadBoxes3D
from perception_kd.engine.build import load_config
from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric
from perception_kd.registry import MODELS
from tests.real.conftest import ROOT, VERSION, run_tool

pytestmark = pytest.mark.real_data
PRESENT = {'car', 'truck', 'pedestrian', 'traffic_cone', 'barrier'}
"""Classes with truth inside of the devkit's ranges."""


@pytest.fixture
def options(frame: Path, infos: Path) -> dict[str, Any]:
    """``--cfg-options`` that put a config on the frame."""
    splits = {f'{name}_split': 'all' for name in ('train', 'val', 'test')}
    return dict(data_root=str(frame), info_root=str(infos.parent), batch_size=1, num_workers=0,
                persistent_workers=False, **splits)


@pytest.fixture
def scope():
    init_default_scope('perception_kd')
    yield
    DefaultScope._instance_dict.popitem()


@pytest.mark.parametrize('name', ['demo/sim_teacher', 'demo/sim_imkd', 'demo/sim_crn_imkd'])
def test_loss_gradient_and_predictions(options: dict, scope: None, name: str) -> None:
    """Student, teacher and every pair on the frame, through the configs' own pipelines, with random weights."""
    for teacher in {'demo/sim_imkd': ['lidar'], 'demo/sim_crn_imkd': ['lidar', 'label']}.get(name, []):
        options[f'model.teachers.{teacher}.allow_random'] = True
    options['final_size'] = (128, 352)  # a quarter of the pixels, for time; the next test predicts at full size
    cfg = load_config(ROOT / 'configs' / f'{name}.py', options)
    torch.manual_seed(0)
    np.random.seed(0)
    model = MODELS.build(cfg.model).train()
    if hasattr(model, 'set_progress'):
        model.set_progress(100, 1)
    losses = model(**model.data_preprocessor(first_batch(cfg.train_dataloader), True), mode='loss')
    total, shown = model.parse_losses(losses)
    total.backward()
    assert all(torch.isfinite(torch.as_tensor(value)).all() for value in shown.values()), shown
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    assert len(gradients) > 20 and all(torch.isfinite(gradient).all() for gradient in gradients)
    with torch.no_grad():
        found, = model.eval()(**model.data_preprocessor(first_batch(cfg.test_dataloader), False), mode='predict')
    boxes, scores = found.pred_instances_3d.bboxes_3d.tensor, found.pred_instances_3d.scores_3d
    assert boxes.shape == (len(scores), 9) and 0 < len(scores) <= 500
    assert torch.isfinite(boxes).all() and torch.isfinite(scores).all()


def first_batch(loader: dict) -> dict:
    return next(iter(Runner.build_dataloader(loader, seed=0)))


def test_a_student_is_tested_at_the_command_line(options: dict, scope: None, tmp_path: Path) -> None:
    """Checkpoint in, result file and the devkit's metrics of a custom split out; frame by frame, at full size."""
    config = 'configs/imkd/student_r18_256x704.py'
    options |= {'past_frames': (), 'cut_radar': False, 'model.streaming': (2, 4, 6)}
    model = MODELS.build(load_config(ROOT / config, options).model)
    torch.save({'state_dict': model.state_dict(), 'meta': {}}, tmp_path / 'random.pth')
    done = run_tool('test', config, tmp_path / 'random.pth', '--work-dir', tmp_path / 'out', '--cfg-options',
                    *(f'{key}={value}'.replace(' ', '') for key, value in options.items()))
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / 'out' / 'results_nusc.json').read_text())['results']
    assert list(results) == ['ca9a282c9e77460f8360f564131a8af5'] and len(*results.values()) > 0
    summary = json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())
    assert summary['meta']['split'] == 'all' and summary['mean_ap_present'] < 0.1
    assert set(summary['classes_present']) == PRESENT


@pytest.fixture(scope='module')
def split_root(frame: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A root of links whose version has a ``splits.json``, with its info file."""
    root = tmp_path_factory.mktemp('split')
    for name in ('samples', 'maps'):
        (root / name).symlink_to(frame / name)
    (root / VERSION).mkdir()
    for table in (frame / VERSION).glob('*.json'):
        (root / VERSION / table.name).symlink_to(table)
    (root / VERSION / 'splits.json').write_text('{"frame_val": ["scene-0061"]}')
    create_infos(InfoJob(root=root, version=VERSION, out=root), echo=lambda line: None)
    return root


def test_perfect_predictions_score_one(split_root: Path, tmp_path: Path) -> None:
    """Truth from the loader, written as results and scored at the command line, on a split of ``splits.json``."""
    infos = 'nuscenes_infos_frame_val.pkl'
    sample = LoadBoxes3D()(NuScenesRadarDataset(ann_file=infos, data_root=str(split_root)).get_data_info(0))
    boxes = sample['gt_bboxes_3d']
    boxes.tensor[:, 7:] = 0  # one frame has no velocities
    metric = NuScenesDetMetric(data_root=str(split_root), ann_file=infos, jsonfile_prefix=str(tmp_path),
                               format_only=True)
    found = dict(bboxes_3d=boxes, labels_3d=sample['gt_labels_3d'], scores_3d=np.full(len(boxes), 0.9))
    metric.process(None, [dict(token=sample['token'], pred_instances_3d=found)])
    metric.evaluate(1)
    arguments = ('--root', split_root, '--version', VERSION, '--split', 'frame_val', '--out', tmp_path)
    done = run_tool('evaluate', 'nuscenes', tmp_path / 'results_nusc.json', *arguments)
    assert done.returncode == 0, done.stderr
    assert 'mAP over the 5 classes present 1.0000' in done.stdout
    summary = json.loads((tmp_path / 'metrics_summary.json').read_text())
    assert {name for name, value in summary['mean_dist_aps'].items() if value > 0.999} == PRESENT
    for name in PRESENT:
        errors = summary['label_tp_errors'][name]
        assert errors['trans_err'] < 1e-4 and errors['scale_err'] < 1e-6
        assert name == 'traffic_cone' or errors['orient_err'] < 1e-3  # of tilt, see upright_yaw
    theirs = DetectionEval(NuScenes(VERSION, str(split_root), verbose=False), config_factory('detection_cvpr_2019'),
                           str(tmp_path / 'results_nusc.json'), 'frame_val', str(tmp_path / 'devkit'),
                           verbose=False).main(render_curves=False)
    for key in ('mean_dist_aps', 'label_tp_errors', 'nd_score'):
        assert json.dumps(summary[key]) == json.dumps(theirs[key])
