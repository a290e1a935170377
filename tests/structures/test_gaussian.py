"""Gaussians: which cell a box gets, and that targets and masks draw the same."""

import perception_kd.compat  # noqa: F401  # isort: skip
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from perception_kd.distill import DistillBatch
from perception_kd.distill.masks import GaussianMask
from perception_kd.models.det3d.center_targets import center_targets
from perception_kd.structures import BEVGrid
from perception_kd.structures.gaussian import centre_cells, gaussian_maps, gaussian_radius

GRID = BEVGrid(-3.2, -1.6, 3.2, 1.6, 0.8)  # 8 x 4 cells


def _boxes(*places):
    return torch.tensor([[*place, 0.0, 1.9, 4.6, 1.5, 0.3, 1.0, 2.0] for place in places])


def test_radius_grows_with_the_box_and_falls_with_the_overlap():
    length, width = torch.tensor([4.0, 10.0]), torch.tensor([2.0, 5.0])
    radius = gaussian_radius(length, width, 0.5)
    torch.testing.assert_close(gaussian_radius(length * 3, width * 3, 0.5), radius * 3)
    torch.testing.assert_close(gaussian_radius(width, length, 0.5), radius)
    assert (gaussian_radius(length, width, 0.7) < radius).all()


def test_cells_are_cut_towards_zero_and_faults_are_unassigned():
    nan, inf = float('nan'), float('inf')
    boxes = _boxes((-3.6, 0.1), (3.6, 0.1), (-4.1, 0.1), (0.1, -2.0), (0.1, 2.0), (nan, 0), (inf, 0), (0.9, 0.9))
    flat = _boxes((0, 0))
    flat[0, 4] = 0.0
    centre, cell, good = centre_cells(torch.cat([boxes, flat]), GRID)
    assert good.tolist() == [True, False, False, True, False, False, False, True, False]
    assert cell[good].tolist() == [[0, 2], [4, 0], [5, 3]] and not cell[~good].any()
    torch.testing.assert_close(centre[0], torch.tensor([-0.5, 2.125]))


@pytest.mark.parametrize('place', [(-3.6, 0.1), (3.6, 0.1), (0.1, -2.0), (0.1, 2.0), (-3.6, -2.0), (1.0, 1.0)])
def test_masks_and_targets_agree_also_half_a_cell_outside(place):
    boxes, labels = _boxes(place), torch.zeros(1, dtype=torch.long)
    boxes[:, 7:] = float('nan')  # an unknown velocity is nothing to a mask
    targets = center_targets(boxes, labels, grid=GRID, classes=1, max_objs=3, overlap=0.1, min_radius=2)
    sample = BaseDataElement()
    sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=labels)
    mask = GaussianMask()(DistillBatch(inputs=dict(img=[boxes]), data_samples=[sample], grid=GRID))
    torch.testing.assert_close(mask[0], targets.heatmap)
    assert bool(mask.any()) == bool(targets.mask.any()) == (place not in ((3.6, 0.1), (0.1, 2.0)))


def test_a_map_is_a_gaussian_cut_at_its_radius():
    boxes = _boxes((0.1, 0.1))
    boxes[:, 3:5] = 0.1
    found = gaussian_maps(boxes, GRID, min_radius=1)[0]
    wanted = torch.zeros(4, 8)
    near, corner = torch.exp(torch.tensor(-2.0)), torch.exp(torch.tensor(-4.0))  # sigma = 1/2
    cross = torch.stack([near, torch.tensor(1.0), near])
    edge = torch.stack([corner, near, corner])
    wanted[1:4, 3:6] = torch.stack([edge, cross, edge])
    torch.testing.assert_close(found, wanted)
