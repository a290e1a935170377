"""One augmentation of the bird's-eye view moves truth, LiDAR, radar and cameras to the same cell."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import numpy as np
import pytest
import torch
from mmdet3d.structures import LiDARInstance3DBoxes
from mmengine.structures import InstanceData

from perception_kd.datasets.transforms.bev_aug import bev_matrix, move_world
from perception_kd.distill import DistillBatch
from perception_kd.distill.masks import IntensityMap
from perception_kd.models.det3d.frames import key_frame
from perception_kd.models.det3d.view_transform import SeenDepth
from perception_kd.models.layers import frustum_points
from tests.distill.test_imkd_step import RANGE, TEACHER
from tests.models.det3d.worlds import build, collate, sample, student_cfg

PIXEL, BIN = (4, 7), 3  # row and column of a camera feature, and a depth bin


@pytest.fixture(scope='module')
def models():
    student = build(student_cfg(point_cloud_range=RANGE, cell=0.8)).eval()
    return student, build(TEACHER)


def frustum(student, inputs: dict) -> torch.Tensor:
    """Where pixels and bins of the first sample's first camera lie, ``(H, W, D, 3)`` metres."""
    names = ('cam2img', 'img_aug_matrix', 'cam2lidar')
    return frustum_points(**{name: inputs[name][:1] for name in names}, bins=student.view_transform.bins, stride=8,
                          lidar_aug_matrix=torch.eye(4)[None], size=(8, 12))[0, 0]


@pytest.mark.parametrize('draw', [(0.0, 1.0, False, False), (20.0, 1.1, False, False), (-22.5, 0.9, True, False),
                                  (11.0, 1.05, False, True)])
def test_student_and_teacher_see_an_object_where_its_truth_has_its_peak(models, draw):
    student, teacher = models
    raw = collate(sample(place=RANGE, boxes=1, points=1, radar=1))
    inputs = student.data_preprocessor(raw, False)['inputs']
    centre = frustum(student, inputs)[(*PIXEL, BIN)]
    world = dict(
        points=np.array([[*centre, 200.0, 0.0]], np.float32), radar=np.array([[*centre, 9, 1, 1, 0]], np.float32),
        gt_bboxes_3d=LiDARInstance3DBoxes(torch.tensor([[*centre.tolist(), 4, 2, 1, 0.3, 1, 1]]), box_dim=9))
    world = move_world(world, bev_matrix(*draw))
    moved = torch.from_numpy(world['points'])[0]
    expected = student.grid.cell_index(moved[None])[0].item()

    truth = InstanceData(bboxes_3d=world['gt_bboxes_3d'], labels_3d=torch.tensor([0]))
    for head in (student.head, teacher.pts_bbox_head):
        heat = head.get_targets_single(truth)[0][0][0]
        assert heat.shape == student.grid.shape and heat.flatten().argmax().item() == expected
    assert peak(IntensityMap()(DistillBatch(dict(points=[moved[None]]), [None], grid=student.grid))) == expected
    assert peak(student.radar_encoder([torch.from_numpy(world['radar'])]).occupancy) == expected
    assert peak(seen_by_camera(student, inputs, world['lidar_aug_matrix'])) == expected


def seen_by_camera(student, inputs: dict, augmentation: np.ndarray) -> torch.Tensor:
    """The camera map of one pixel of the first camera that is sure of its depth."""
    logits, context = torch.zeros(2, 16, 8, 12), torch.zeros(2, 8, 8, 12)
    logits[:, BIN], context[0, :, PIXEL[0], PIXEL[1]] = 1e4, 1.0
    frame = key_frame(dict(inputs, lidar_aug_matrix=torch.from_numpy(augmentation).float()[None]))
    return student.view_transform.splat(SeenDepth(logits, context), frame).camera[:, :1]


def peak(value: torch.Tensor) -> int:
    """Flat cell of the one cell of ``(1, 1, ny, nx)`` that is not 0."""
    cells = value.flatten().nonzero().flatten().tolist()
    assert len(cells) == 1
    return cells[0]
