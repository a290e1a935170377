"""The label raster against polygons, and its rules one by one."""

import perception_kd.compat  # noqa: F401  # isort: skip
import math

import pytest
import torch
from mmdet3d.structures import Det3DDataSample, LiDARInstance3DBoxes
from mmengine.structures import InstanceData
from shapely.geometry import Point, Polygon

from perception_kd.models.det3d.label_raster import box_cells, label_raster, truth_boxes
from perception_kd.structures import BEVGrid

GRID = BEVGrid(-8.0, -4.0, 8.0, 12.0, 0.8)  # 20 x 20, not centred
CLASSES = 3
NAN = float('nan')


def boxes_of(seed, count=12):
    g = torch.Generator().manual_seed(seed)
    rand = lambda *shape: torch.rand(*shape, generator=g)  # noqa: E731
    place = rand(count, 2) * 22 - torch.tensor([11.0, 7.0])  # some outside
    boxes = torch.cat([place, rand(count, 1), rand(count, 3) * 6 + 0.2, (rand(count, 1) - 0.5) * 8, rand(count, 2)], 1)
    return boxes, torch.randint(0, CLASSES, (count,), generator=g)


def drawn(boxes, labels, scale):
    """Cell by cell, box by box, with Shapely's polygons."""
    raster = torch.zeros(GRID.ny, GRID.nx, 9 + CLASSES)
    for box, label in zip(boxes.tolist(), labels.tolist()):
        x, y, _, length, width, _, yaw, *_ = box
        column, row = math.floor((x - GRID.x_min) / GRID.cell), math.floor((y - GRID.y_min) / GRID.cell)
        if not (0 <= column < GRID.nx and 0 <= row < GRID.ny):
            continue
        corners = [(x + math.cos(yaw) * u - math.sin(yaw) * v, y + math.sin(yaw) * u + math.cos(yaw) * v)
                   for u, v in ((length, width), (-length, width), (-length, -width), (length, -width))
                   for u, v in [(u * scale / 2, v * scale / 2)]]
        footprint = Polygon(corners)
        for j in range(GRID.ny):
            for i in range(GRID.nx):
                centre = Point(GRID.x_min + (i + 0.5) * GRID.cell, GRID.y_min + (j + 0.5) * GRID.cell)
                if footprint.contains(centre) or (j, i) == (row, column):
                    raster[j, i] = torch.tensor(box + [float(label == k) for k in range(CLASSES)])
    return raster


@pytest.mark.parametrize('scale', [1.0, 0.5])
def test_equals_polygons(scale):
    for seed in range(3):
        boxes, labels = boxes_of(seed)
        ours = label_raster(boxes, labels, GRID, CLASSES, scale)
        torch.testing.assert_close(ours, drawn(boxes, labels, scale))
        assert 5 < ours.any(-1).sum() < ours[..., 0].numel()


def box(x, y, length=0.1, width=0.1, yaw=0.0, vx=1.0, vy=2.0):
    return [x, y, 0.5, length, width, 1.5, yaw, vx, vy]


def test_a_box_smaller_than_a_cell_fills_the_cell_of_its_centre():
    raster = label_raster(torch.tensor([box(0.05, 0.05)]), torch.tensor([2]), GRID, CLASSES)
    assert raster.any(-1).nonzero().tolist() == [[5, 10]]
    assert raster[5, 10].tolist() == pytest.approx([0.05, 0.05, 0.5, 0.1, 0.1, 1.5, 0, 1, 2, 0, 0, 1])


def test_out_of_range_boxes_do_not_smear_and_border_boxes_are_cut():
    outside = torch.tensor([box(8.1, 0, 6, 6), box(0, -4.1, 6, 6), box(NAN, 0, 6, 6), box(0, 0, NAN, 6),
                            box(0, 0, 6, 6, NAN), box(0, 0, 0, 6)])
    assert not label_raster(outside, torch.zeros(6, dtype=torch.long), GRID, CLASSES).any()
    inside = label_raster(torch.tensor([box(7.9, 0.4, 6.0, 0.8)]), torch.tensor([0]), GRID, CLASSES)
    assert inside.any(-1).nonzero().tolist() == [[5, column] for column in range(16, 20)]


def test_unknown_velocities_are_zero():
    raster = label_raster(torch.tensor([box(0.05, 0.05, vx=NAN, vy=NAN)]), torch.tensor([0]), GRID, CLASSES)
    assert raster.isfinite().all() and raster[5, 10, 7:9].tolist() == [0, 0]


def test_the_last_box_wins():
    both = torch.tensor([box(0.4, 0.4, 6, 6), box(0.4, 0.4, 2.5, 2.5)])
    one, other = box_cells(both, GRID), box_cells(both.flip(0), GRID)
    assert (one == 2).sum() == 9 and one[5, 10] == 2
    assert not (other == 1).any() and (other == 2).sum() == (one > 0).sum()


def test_nothing_gives_zeros_and_wrong_labels_are_named():
    raster = label_raster(torch.zeros(0, 9), torch.zeros(0, dtype=torch.long), GRID, CLASSES)
    assert raster.shape == (20, 20, 12) and not raster.any()
    with pytest.raises(ValueError, match=r'labels 0\.\.3 do not fit 3 classes'):
        label_raster(torch.tensor([box(0, 0), box(1, 1)]), torch.tensor([0, 3]), GRID, CLASSES)


def test_truth_has_z_at_the_centre_and_a_sample_without_is_named():
    sample = Det3DDataSample()
    sample.gt_instances_3d = InstanceData(
        bboxes_3d=LiDARInstance3DBoxes(torch.tensor([box(1, 2)]), box_dim=9), labels_3d=torch.tensor([1]))
    (boxes, labels), = truth_boxes([sample], torch.device('cpu'))
    assert boxes.tolist() == [pytest.approx([1, 2, 0.5 + 0.75, 0.1, 0.1, 1.5, 0, 1, 2])] and labels.tolist() == [1]
    with pytest.raises(ValueError, match='sample 1 of the batch has no gt_instances_3d'):
        truth_boxes([sample, Det3DDataSample()], torch.device('cpu'))
