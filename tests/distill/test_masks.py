"""Masks against straightforward loops."""

import math

import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement, InstanceData

from perception_kd.distill import DistillBatch
from perception_kd.distill.masks import (
    ActivationMap,
    ActiveCells,
    Affine,
    All,
    GaussianMask,
    IntensityMap,
    OnCells,
    Product,
    reduce_to_cells,
)
from perception_kd.structures import BEVGrid
from perception_kd.structures.gaussian import gaussian_maps, gaussian_radius
from tests.distill.toys import GRID, toy_batch


def batch(grid: BEVGrid | None = GRID, **changes) -> DistillBatch:
    return DistillBatch(**{**toy_batch(0, 1, 2, 3), **changes}, grid=grid)


def cloud(*rows) -> torch.Tensor:
    return torch.tensor([[*row, 0.0] for row in rows]).view(-1, 5)


def intensity(points: torch.Tensor, grid: BEVGrid = GRID, **kwargs) -> torch.Tensor:
    return IntensityMap(**kwargs)(batch(grid, inputs=dict(points=[points])))[0, 0]


def loop_intensity(points: torch.Tensor, grid: BEVGrid, mean: bool) -> torch.Tensor:
    cells: dict[tuple[int, int], list[float]] = {}
    for x, y, _, value, _ in points.tolist():
        ix, iy = math.floor((x - grid.x_min) / grid.cell), math.floor((y - grid.y_min) / grid.cell)
        if 0 <= ix < grid.nx and 0 <= iy < grid.ny:
            cells.setdefault((iy, ix), []).append(value)
    out = torch.zeros(grid.shape)
    for (iy, ix), values in cells.items():
        out[iy, ix] = math.log(1 + (sum(values) / len(values) if mean else max(values))) / math.log(256)
    return out


@pytest.mark.parametrize('reduce', ['max', 'mean'])
def test_intensity_equals_a_loop_over_the_points(reduce):
    for points in toy_batch(3, 4, 5)['inputs']['points']:
        spread = points * torch.tensor([1.5, 1.5, 1, 1, 1])  # some fall off the grid
        torch.testing.assert_close(intensity(spread, reduce=reduce), loop_intensity(spread, GRID, reduce == 'mean'))


def test_intensity_is_zero_in_empty_cells_and_grows_with_the_return():
    dim, bright = intensity(cloud([0.1, 0.1, 0, 20])), intensity(cloud([0.1, 0.1, 0, 200]))
    assert (dim > 0).sum() == 1 and dim.max() < bright.max() < 1
    assert float(intensity(cloud([0.1, 0.1, 0, 255])).max()) == 1.0
    assert not intensity(cloud()).any()


def test_intensity_scales_with_the_points_as_the_formula_says():
    points = toy_batch(3)['inputs']['points'][0] * torch.tensor([1, 1, 1, 0.4, 1])
    brighter = points * torch.tensor([1, 1, 1, 2.5, 1])
    plain = intensity(points)
    raised = torch.log1p(2.5 * (torch.exp(plain * math.log(256)) - 1)) / math.log(256)
    torch.testing.assert_close(intensity(brighter), raised)
    assert (raised > plain)[plain > 0].all() and not raised[plain == 0].any()


def test_floor_lifts_returns_only():
    lifted = intensity(cloud([0.1, 0.1, 0, 0], [1, 1, 0, 255]), floor=0.1)
    values = lifted[lifted > 0]
    torch.testing.assert_close(values, torch.tensor([0.1, 1.0]))


@pytest.mark.parametrize(('norm', 'expected'), [
    ('div255', [10 / 255, 100 / 255, 200 / 255]), ('minmax', [0, 90 / 190, 1]),
    ('quantile95', [10 / 190, 100 / 190, 1])])
def test_other_norms(norm, expected):
    points = cloud([-3, -3, 0, 10], [0.1, -3, 0, 100], [3, -3, 0, 200])
    found = intensity(points, norm=norm)[0, [0, 4, 7]]
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))
    assert not intensity(cloud(), norm=norm).any()


def test_intensity_follows_augmentation_of_the_points():
    points = toy_batch(5)['inputs']['points'][0]
    flipped = points * torch.tensor([1.0, -1, 1, 1, 1])
    torch.testing.assert_close(intensity(flipped), intensity(points).flip(0))
    turned = torch.stack([-points[:, 1], points[:, 0], *points[:, 2:].T], dim=1)
    torch.testing.assert_close(intensity(turned), intensity(points).T.flip(1))


def test_bad_points_stay_out():
    bad = cloud([float('nan'), 0, 0, 99], [0, float('inf'), 0, 99], [1, 1, 0, float('nan')], [2, 2, 0, -5])
    assert not intensity(bad).any()


def test_masks_carry_no_gradient_and_run_in_float32():
    points = toy_batch(1)['inputs']['points'][0].double()
    assert intensity(points).dtype == torch.float32 and not intensity(points).requires_grad


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: IntensityMap(norm='loud'), "norm 'loud'"), (lambda: IntensityMap(floor=2.0), 'floor lies in'),
    (lambda: intensity(torch.zeros(1, 3)), '3 columns'),
    (lambda: IntensityMap()(batch(None)), 'IntensityMap needs a BEV grid'),
    (lambda: IntensityMap(points='lidar')(batch()), r"inputs\['lidar'\]; the batch holds: img, points, radar"),
    (lambda: GaussianMask(mode='hard'), "'hard'"), (lambda: Product(masks=[]), 'at least one'),
    (lambda: ActivationMap(tap='t', low=0.9, high=0.5), 'needs 0 <= low < high <= 1'),
    (lambda: ActivationMap(tap='t')(batch(teacher_taps=dict(t=torch.ones(4, 1, 2, 2)))), "teacher tap 't' has shape"),
    (lambda: Affine(mask='All', gain=-1.0), 'gain and offset are not negative'),
    (lambda: OnCells(mask='All', cell=0.7)(batch()), 'whole number of 0.7 m cells'),
    (lambda: ActivationMap(tap='t')(batch(None)), 'ActivationMap needs a BEV grid'),
    (lambda: ActiveCells(lidar=None, radar=None), 'needs lidar, radar or occupancy_tap')])
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_mean_and_max_of_cells():
    cells, seen = reduce_to_cells(torch.tensor([[0.1, 0.1], [0.2, 0.2], [9.0, 9]]), torch.tensor([-4.0, -2, 7]), GRID)
    assert cells[4, 4] == -2 and seen.sum() == 1 and cells.abs().sum() == 2


def test_active_cells_are_the_union_of_what_was_seen():
    points, radar = cloud([0.1, 0.1, 0, 9], [1, 1, 0, 0]), torch.tensor([[-3.0, -3, 0, 0, 0, 0, 0]])
    occupancy = torch.zeros(1, 1, 8, 8)
    occupancy[0, 0, 7, 7], occupancy[0, 0, 6, 6] = 0.5, 0.005
    seen = batch(inputs=dict(points=[points], radar=[radar]), data_samples=[None], student_taps=dict(o=occupancy))
    mask = ActiveCells(occupancy_tap='o')(seen)
    assert mask.nonzero()[:, 2:].tolist() == [[0, 0], [4, 4], [7, 7]]
    assert ActiveCells(lidar=None)(seen).nonzero()[:, 2:].tolist() == [[0, 0]]
    with pytest.raises(ValueError, match="student tap 'o' has shape"):
        ActiveCells(occupancy_tap='o')(batch(GRID.coarser(2), inputs=seen.inputs, data_samples=[None],
                                             student_taps=dict(o=occupancy)))


def loop_gaussian(boxes: torch.Tensor, labels: torch.Tensor, grid: BEVGrid, overlap: float, least: int) -> np.ndarray:
    """Box by box, cell by cell, with the radius formula written out."""
    heat = np.zeros((int(labels.max()) + 1 if len(labels) else 1, *grid.shape))
    for box, label in zip(boxes.double().numpy(), labels.tolist()):
        ix, iy = int((box[0] - grid.x_min) / grid.cell), int((box[1] - grid.y_min) / grid.cell)  # as mmdet3d
        if not (0 <= ix < grid.nx and 0 <= iy < grid.ny):
            continue
        h, w = box[4] / grid.cell, box[3] / grid.cell
        r1 = (h + w + math.sqrt((h + w) ** 2 - 4 * w * h * (1 - overlap) / (1 + overlap))) / 2
        r2 = (2 * (h + w) + math.sqrt(4 * (h + w) ** 2 - 16 * (1 - overlap) * w * h)) / 2
        r3 = (-2 * overlap * (h + w) + math.sqrt(4 * overlap**2 * (h + w) ** 2
                                                 + 16 * overlap * (1 - overlap) * w * h)) / 2
        radius = max(least, int(min(r1, r2, r3)))
        sigma = (2 * radius + 1) / 6
        for y in range(max(0, iy - radius), min(grid.ny, iy + radius + 1)):
            for x in range(max(0, ix - radius), min(grid.nx, ix + radius + 1)):
                value = math.exp(-((x - ix) ** 2 + (y - iy) ** 2) / (2 * sigma**2))
                heat[label, y, x] = max(heat[label, y, x], value)
    return heat.sum(axis=0)


@pytest.mark.parametrize('seed', range(4))
def test_gaussians_equal_a_loop_over_boxes_and_cells(seed):
    torch.manual_seed(seed)
    grid = BEVGrid(-12.8, -6.4, 12.8, 6.4, 0.8)
    place = (torch.rand(40, 3) - 0.5) * torch.tensor([30.0, 15.0, 2.0])
    boxes = torch.cat([place, torch.rand(40, 3) * 12 + 0.3, torch.rand(40, 3)], dim=1)
    labels = torch.randint(0, 3, (40,))
    sample = BaseDataElement()
    sample.gt_instances_3d = InstanceData(bboxes_3d=boxes, labels_3d=labels)
    total, largest = (torch.from_numpy(loop_gaussian(boxes, of, grid, 0.1, 2)).float() for of in (labels, labels * 0))
    for mode, expected in dict(sum=total, soft=total.clamp(max=1), binary=(total > 0).float(), max=largest).items():
        found = GaussianMask(mode=mode)(batch(grid, data_samples=[sample]))[0, 0]
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    assert total.max() > 1


def test_radius_of_a_known_box():
    """A 4 x 4 box at overlap 0.1: case two and three give 2 (8 +- sqrt(...)) / 2 by hand."""
    by_hand = min((8 + math.sqrt(64 - 4 * 16 * 0.9 / 1.1)) / 2, (16 + math.sqrt(256 - 16 * 0.9 * 16)) / 2,
                  (-1.6 + math.sqrt(2.56 + 1.6 * 0.9 * 16)) / 2)
    assert math.isclose(float(gaussian_radius(torch.tensor(4.0), torch.tensor(4.0), 0.1)), by_hand, rel_tol=1e-6)


def test_boxes_off_the_grid_or_without_size_draw_nothing_and_no_boxes_is_fine():
    boxes = torch.tensor([[99.0, 0, 0, 2, 2], [0, 0, 0, 0, 2], [0, float('nan'), 0, 1, 1]])
    assert not gaussian_maps(boxes, GRID).any()
    masks = GaussianMask()(batch())
    assert masks.shape == (4, 1, 8, 8) and not masks[0].any() and masks[3].max() == 1


def test_boxes_of_mmdet3d_are_read():
    class Boxes:
        tensor = torch.tensor([[0.1, 0.1, 0, 2, 2, 2, 0]])
    sample = BaseDataElement()
    sample.gt_instances_3d = type('Truth', (), dict(bboxes_3d=Boxes(), labels_3d=torch.tensor([4])))()
    assert GaussianMask()(batch(data_samples=[sample]))[0, 0, 4, 4] == 1


def test_activation_is_between_its_quantiles_and_knows_no_scale():
    torch.manual_seed(0)
    value = torch.randn(4, 3, 8, 8, requires_grad=True)
    mask = ActivationMap(tap='t')
    found = mask(batch(teacher_taps=dict(t=value)))
    for sample in range(4):
        active = value[sample].detach().abs().mean(dim=0).numpy()
        low, high = np.quantile(active, [0.5, 0.99])
        np.testing.assert_allclose(found[sample, 0], np.clip((active - low) / (high - low), 0, 1), atol=1e-5)
    assert mask.teacher_taps == ('t',) and not found.requires_grad
    torch.testing.assert_close(found, mask(batch(teacher_taps=dict(t=-7 * value))))
    assert not mask(batch(teacher_taps=dict(t=torch.ones(4, 3, 8, 8)))).any()


def test_affine_masks_never_switch_off():
    seen = batch()
    found = Product(masks=['GaussianMask', dict(type='Affine', mask='IntensityMap', gain=0.5, offset=0.5)])(seen)
    torch.testing.assert_close(found, GaussianMask()(seen) * (0.5 + 0.5 * IntensityMap()(seen)))
    assert str(Affine(mask='All', gain=0.5, offset=0.5)) == '(0.5 + 0.5 All)'


def test_a_mask_on_other_cells_is_interpolated():
    coarse = batch(GRID.coarser(2))
    found, fine = OnCells(mask='IntensityMap', cell=0.8)(coarse), IntensityMap()(batch())
    torch.testing.assert_close(found, torch.nn.functional.avg_pool2d(fine, 2))  # bilinear at half the size
    same = OnCells(mask='IntensityMap', cell=0.8)(batch())
    torch.testing.assert_close(same, fine)


def test_masks_made_of_masks_need_the_taps_of_their_parts():
    mask = Product(masks=[dict(type='OnCells', cell=0.8, mask=dict(type='ActivationMap', tap='lidar.bev_s8')),
                          dict(type='Affine', gain=1.0, mask=dict(type='ActiveCells', occupancy_tap='o'))])
    assert mask.teacher_taps == ('lidar.bev_s8',) and mask.student_taps == ('o',)


def test_products_multiply_and_all_is_one():
    seen = batch()
    product = Product(masks=[dict(type='GaussianMask'), dict(type='IntensityMap')])
    torch.testing.assert_close(product(seen), GaussianMask()(seen) * IntensityMap()(seen))
    assert str(product) == 'GaussianMask(soft) x IntensityMap(log, max, floor 0)'
    assert torch.equal(All()(seen), torch.ones(4, 1, 8, 8))
