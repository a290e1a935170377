"""The TJ4DRadSet configs on the miniature: student and LiDAR teacher read it, learn a step and predict."""

from pathlib import Path

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.datasets.convert.tj4d import VERSION, convert_tj4d
from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.engine.build import load_config
from perception_kd.registry import DATASETS, MODELS
from tests.datasets.test_tj4d import make_tj4d

CONFIGS = Path(__file__).parents[2] / 'configs' / 'tj4d'
SMALL = {'final_size': (64, 96), 'image_aug.resize_lim': (0.3, 0.32), 'decode_scale': 1, 'num_workers': 0,
         'point_cloud_range': [0.0, -12.8, -4.0, 25.6, 12.8, 2.0], 'depth_bound': [1.0, 29.0, 0.8]}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('tj4d')
    convert_tj4d(make_tj4d(folder / 'source', lidar=True), folder / 'out')
    create_infos(InfoJob(root=folder / 'out', version=VERSION, out=folder / 'out'), echo=lambda line: None)
    return folder / 'out'


@pytest.mark.parametrize(('name', 'options'), [
    ('student_r18', {'student.image_backbone.weights': None}),
    ('teacher_pillar', {}),
])
def test_model_learns_and_predicts(root, name, options):
    cfg = load_config(CONFIGS / f'{name}.py', {'data_root': str(root), **SMALL, **options})
    init_default_scope(cfg.default_scope)
    train, test = DATASETS.build(cfg.train_dataloader.dataset), DATASETS.build(cfg.test_dataloader.dataset)
    assert (len(train), len(test)) == (2, 1) and train.annotated_samples == 2
    assert train.metainfo['classes'] == ('car', 'pedestrian', 'bicycle', 'truck')
    model = MODELS.build(cfg.model)
    losses = model(**model.data_preprocessor(pseudo_collate([train[0], train[1]]), True), mode='loss')
    total = sum(value.sum() for key, value in losses.items() if 'loss' in key)
    total.backward()
    assert torch.isfinite(total)
    model.eval()
    with torch.no_grad():
        found = model(**model.data_preprocessor(pseudo_collate([test[0]]), False), mode='predict')
    assert found[0].pred_instances_3d.bboxes_3d.tensor.shape[1] == 9
