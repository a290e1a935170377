"""Cells of a picture and boxes on them against loops by hand and SciPy."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from perception_kd.structures import ImageGrid
from perception_kd.structures.box_overlap import pair_ciou, pair_iou
from perception_kd.structures.footprint import shared_weights
from perception_kd.structures.image_grid import at_points, boxes_inside, image_footprints

GRID = ImageGrid(8, 5, 7)  # 56 x 40 px


def by_hand(box: list[float], grid: ImageGrid) -> np.ndarray:
    covered = np.zeros(grid.shape, bool)
    for row, column in np.ndindex(*grid.shape):
        x, y = (column + 0.5) * grid.stride, (row + 0.5) * grid.stride
        covered[row, column] = box[0] <= x <= box[2] and box[1] <= y <= box[3]
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    covered[int(y // grid.stride), int(x // grid.stride)] = True
    return covered


@pytest.mark.parametrize('stride', [4, 8, 16, 32])
def test_footprints_at_every_stride_are_those_by_hand_and_no_box_is_lost(stride):
    grid = ImageGrid(stride, 64 // stride, 96 // stride)
    corner = torch.rand(40, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([90.0, 58.0])
    side = torch.rand(40, 2, generator=torch.Generator().manual_seed(1)) * 12 + 0.3
    boxes = torch.cat([corner, torch.minimum(corner + side, torch.tensor([96.0, 64.0]))], dim=1)
    found = image_footprints(boxes, grid)
    np.testing.assert_array_equal(found.numpy(), [by_hand(box, grid) for box in boxes.tolist()])
    assert found.flatten(1).any(1).all()


def test_boxes_off_the_map_with_nan_or_of_no_size_are_left_out_and_the_rest_is_cut():
    nan = math.nan
    boxes = torch.tensor([[-9.0, 30, 9, 50], [60, 0, 70, 9], [nan, 0, 3, 3], [5, 5, 5, 9], [-5, -5, 0, 9],
                          [55.9, 39.9, 80, 80]])
    torch.testing.assert_close(boxes_inside(boxes, GRID), torch.tensor([[0.0, 30, 9, 40], [55.9, 39.9, 56, 40]]))
    cells = image_footprints(boxes, GRID)
    assert cells[0].nonzero().tolist() == [[4, 0]] and cells[1].nonzero().tolist() == [[4, 6]]
    assert image_footprints(boxes[:0], GRID).shape == (0, 5, 7)


def test_every_box_shares_one_and_the_background_the_rest():
    covered = torch.zeros(2, 4, 4)
    covered[0, 0, 0], covered[1, :2, :3] = 1, 1
    found = shared_weights(covered, outside=0.5, inside=2.0)
    assert float(found[0, 0]) == 2 and float(found[1, 1]) == pytest.approx(2 / 6)
    assert float(found[2:].sum() + found[:2, 3].sum()) == pytest.approx(0.5)
    torch.testing.assert_close(shared_weights(covered[:0], outside=0.5), torch.full((4, 4), 0.5 / 16))


def test_a_map_is_read_between_the_centres_of_its_cells():
    value = torch.randn(3, 5, 7, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    points = torch.tensor([[4.0, 4.0], [20.0, 12.0], [13.3, 27.1], [0.0, 40.0]], dtype=torch.float64)
    found = at_points(value, points, GRID)
    places = (points.numpy()[:, ::-1] / 8 - 0.5).T
    expected = [map_coordinates(channel.numpy(), places, order=1, mode='nearest') for channel in value]
    np.testing.assert_allclose(found.numpy().T, expected, rtol=1e-9)


def ciou_by_hand(a: list[float], b: list[float]) -> float:
    width, height = (max(0.0, min(a[i + 2], b[i + 2]) - max(a[i], b[i])) for i in (0, 1))
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    iou = width * height / (sum(area) - width * height)
    centre = [[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2] for box in (a, b)]
    around = [max(a[i + 2], b[i + 2]) - min(a[i], b[i]) for i in (0, 1)]
    distance = math.dist(*centre) ** 2 / (around[0] ** 2 + around[1] ** 2)
    v = (2 / math.pi * (math.atan((a[2] - a[0]) / (a[3] - a[1])) - math.atan((b[2] - b[0]) / (b[3] - b[1])))) ** 2
    return iou - distance - v * v / (1 - iou + v)


def test_overlaps_are_those_by_hand_with_gradients_by_differences():
    corner = torch.rand(30, 2, 2, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * 20
    side = torch.rand(30, 2, 2, generator=torch.Generator().manual_seed(4), dtype=torch.float64) * 20 + 1
    ours, theirs = torch.cat([corner, corner + side], dim=2).unbind(1)
    assert pair_ciou(ours, theirs).tolist() == pytest.approx([ciou_by_hand(*both) for both in zip(
        ours.tolist(), theirs.tolist())])
    assert float(pair_iou(ours, ours).min()) == float(pair_ciou(ours, ours).min()) == 1
    value = ours.clone().requires_grad_()
    assert torch.autograd.gradcheck(pair_iou, (value, theirs), eps=1e-6)
    pair_ciou(value, theirs).sum().backward()
    found = value.grad.clone()
    with torch.no_grad():  # the weight of v is a constant to the gradient, so differences hold it fixed
        v = (2 / math.pi * (_angle(theirs) - _angle(ours))).square()
        weight = v / (1 - pair_iou(ours, theirs) + v)
    for place in range(4):
        step = torch.zeros(4, dtype=torch.float64)
        step[place] = 1e-6
        ends = []
        for moved in (ours + step, ours - step):
            v = (2 / math.pi * (_angle(theirs) - _angle(moved))).square()
            own = v / (1 - pair_iou(moved, theirs) + v)
            ends.append(pair_ciou(moved, theirs) + own * v - weight * v)
        torch.testing.assert_close(found[:, place], (ends[0] - ends[1]) / 2e-6, rtol=1e-4, atol=1e-7)


def _angle(boxes: torch.Tensor) -> torch.Tensor:
    sides = boxes[:, 2:] - boxes[:, :2]
    return torch.atan(sides[:, 0] / sides[:, 1])


def test_boxes_without_area_stay_finite():
    ours = torch.zeros(2, 4, requires_grad=True)
    theirs = torch.tensor([[0.0, 0, 0, 0], [3, 3, 9, 5]])
    pair_ciou(ours, theirs).sum().backward()
    assert pair_iou(ours, theirs).tolist() == [0, 0] and ours.grad.isfinite().all()
