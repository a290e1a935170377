"""Points in boxes against brute force, and the functions that mmcv offers for CUDA only."""

import math

import numpy as np
import pytest
import torch

import perception_kd.compat  # noqa: F401
from tests.compat import lite_only

pytestmark = lite_only


def brute(points: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """(M, T) by turning every point into the frame of every box."""
    found = np.zeros((len(points), len(boxes)), int)
    for i, point in enumerate(points):
        for j, (x, y, z, dx, dy, dz, yaw) in enumerate(boxes):
            along = (point[0] - x) * math.cos(yaw) + (point[1] - y) * math.sin(yaw)
            across = -(point[0] - x) * math.sin(yaw) + (point[1] - y) * math.cos(yaw)
            found[i, j] = abs(along) < dx / 2 and abs(across) < dy / 2 and z <= point[2] <= z + dz
    return found


@pytest.fixture
def scene() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    points = torch.randn(2, 150, 3, generator=generator) * 2
    boxes = torch.rand(2, 7, 7, generator=generator) * torch.tensor([4, 4, 2, 4, 3, 3, 7.0]) - torch.tensor(
        [2, 2, 2, 0, 0, 0, 3.5])
    return points, boxes


def test_all_three_equal_brute_force(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    from mmcv.ops import points_in_boxes_all, points_in_boxes_cpu, points_in_boxes_part

    points, boxes = scene
    want = np.stack([brute(p, b) for p, b in zip(points.double().numpy(), boxes.double().numpy())])
    for function in (points_in_boxes_cpu, points_in_boxes_all):
        got = function(points, boxes)
        assert got.dtype == torch.int32 and np.array_equal(got.numpy(), want)
    part = points_in_boxes_part(points, boxes)
    assert part.dtype == torch.int32
    assert np.array_equal(part.numpy(), np.where(want.any(2), want.argmax(2), -1))
    assert want.sum() > 50 and want.sum(2).max() > 1  # boxes overlap: the first of them counts


def test_sides_are_outside_bottom_and_top_inside() -> None:
    from mmcv.ops import points_in_boxes_cpu

    box = torch.tensor([[[0.0, 0, 1, 2, 4, 3, 0]]])
    points = torch.tensor([[[1.0, 0, 2], [0, 2, 2], [0.999, 1.999, 1], [0, 0, 4], [0, 0, 4.001], [0, 0, 0.999]]])
    assert points_in_boxes_cpu(points, box)[0, :, 0].tolist() == [0, 0, 1, 1, 0, 0]
    turned = torch.tensor([[[0.0, 0, 1, 2, 4, 3, math.pi / 2]]])
    assert points_in_boxes_cpu(torch.tensor([[[1.9, 0.9, 2], [0.9, 1.9, 2]]]), turned)[0, :, 0].tolist() == [1, 0]


def test_no_point_no_box_and_wrong_shapes(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    from mmcv.ops import points_in_boxes_all, points_in_boxes_cpu, points_in_boxes_part

    points, boxes = scene
    assert points_in_boxes_all(points, boxes[:, :0]).shape == (2, 150, 0)
    assert points_in_boxes_cpu(points[:, :0], boxes).shape == (2, 0, 7)
    assert (points_in_boxes_part(points, boxes[:, :0]) == -1).all()
    with pytest.raises(ValueError, match=r'points must be .B, M, 3.*got .2, 150, 3. and .1, 7, 7.'):
        points_in_boxes_part(points, boxes[:1])


def test_box_structures_of_mmdet3d_reach_them_on_the_cpu(scene: tuple[torch.Tensor, torch.Tensor]) -> None:
    from mmdet3d.structures import LiDARInstance3DBoxes

    points, boxes = scene
    structure = LiDARInstance3DBoxes(boxes[0])
    want = brute(points[0].double().numpy(), boxes[0].double().numpy())
    assert np.array_equal(structure.points_in_boxes_all(points[0]).numpy(), want)
    assert np.array_equal(structure.points_in_boxes_part(points[0]).numpy(), np.where(want.any(1), want.argmax(1), -1))
