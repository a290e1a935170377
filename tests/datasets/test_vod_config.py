"""The View-of-Delft configs on the miniature: pipelines, boxes where the pictures say, a step and a prediction."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope

from perception_kd.datasets.convert.vod import VERSION, convert_vod
from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.engine.build import load_config
from perception_kd.registry import DATASETS, MODELS
from tests.datasets.vod_world import OBJECTS, boxes_at, lidar2odom, make_vod

CONFIGS = Path(__file__).parents[2] / 'configs' / 'vod'
SMALL = {'final_size': (64, 96), 'image_aug.resize_lim': (0.2, 0.22), 'decode_scale': 1, 'num_workers': 0}


@pytest.fixture(scope='module')
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp('vod')
    convert_vod(make_vod(folder), folder / 'out', benchmark_only=True)
    create_infos(InfoJob(root=folder / 'out', version=VERSION, out=folder / 'out', radar_sweeps=4),
                 echo=lambda line: None)
    return folder / 'out'


def load(name: str, root: Path, **more):
    cfg = load_config(CONFIGS / f'{name}.py', {'data_root': str(root), **SMALL, **more})
    init_default_scope(cfg.default_scope)
    return cfg


def test_student_learns_and_predicts(root):
    cfg = load('student_r18', root, **{
        'radar_draw.drop': 0.0,  # a scan of the miniature may have a single point
        'student.image_backbone.weights': None, 'past_frames': (10,), 'student.temporal.frames': 2,
        'depth_bound': [1.0, 29.0, 0.8], 'point_cloud_range': [0.0, -12.8, -3.0, 25.6, 12.8, 2.0]})
    train, test = DATASETS.build(cfg.train_dataloader.dataset), DATASETS.build(cfg.test_dataloader.dataset)
    assert (len(train), len(test)) == (4, 2) and train.annotated_samples == 4
    sample = train[2]
    assert sample['inputs']['img'].shape == (1, 3, 64, 96) and len(sample['inputs']['past']) == 1
    assert sample['inputs']['radar'][:, 6].numpy().max() == pytest.approx(0.2)  # scans of two frames before
    model = MODELS.build(cfg.model)
    losses = model(**model.data_preprocessor(pseudo_collate([sample]), True), mode='loss')
    total = sum(value.sum() for name, value in losses.items() if 'loss' in name)
    total.backward()
    assert torch.isfinite(total)
    model.eval()
    with torch.no_grad():
        found = model(**model.data_preprocessor(pseudo_collate([test[0]]), False), mode='predict')
    assert found[0].pred_instances_3d.bboxes_3d.tensor.shape[1] == 9


def test_boxes_lie_where_the_world_has_them(root):
    """Through infos and data set: the LiDAR frame of mmdet3d's boxes, classes and velocities of the three kinds."""
    cfg = load('student_r18', root)
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': []})
    info = dataset.get_data_info(1)
    boxes, kinds = info['ann_info']['gt_bboxes_3d'], [dataset.metainfo['classes'][label]
                                                      for label in info['ann_info']['gt_labels_3d']]
    odom2lidar = np.linalg.inv(lidar2odom(545))
    for kind, name, velocity in (('Car', 'car', OBJECTS[0][3]), ('Cyclist', 'bicycle', (0.0, 0.0)),
                                 ('Pedestrian', 'pedestrian', OBJECTS[1][3])):
        _, _, box2odom, extent = next(one for one in boxes_at(545) if one[0] == kind)
        box2lidar = odom2lidar @ box2odom
        yaw = np.arctan2(box2lidar[1, 0], box2lidar[0, 0])
        flat = odom2lidar[:2, :2] @ velocity
        assert kinds.count(name) == 1
        np.testing.assert_allclose(boxes[kinds.index(name)], [*box2lidar[:3, 3], *extent, yaw, *flat], atol=1e-5)


def test_teacher_sees_the_lidar(root):
    cfg = load('teacher_pillar', root)
    train = DATASETS.build(cfg.train_dataloader.dataset)
    model = MODELS.build(cfg.model)
    losses = model(**model.data_preprocessor(pseudo_collate([train[0], train[1]]), True), mode='loss')
    assert all(torch.isfinite(value).all() for value in losses.values())


def test_unlabelled_split_is_read_without_annotations(root):
    cfg = load('student_r18', root, test_split='vod_test')
    dataset = DATASETS.build(cfg.test_dataloader.dataset)
    assert len(dataset) == 2 and dataset.annotated_samples == 0
    assert 'ann_info' not in dataset.get_data_info(0)
