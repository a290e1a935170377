"""SP and RKD against loops over instances, and instances at boxes."""

from __future__ import annotations

import math

import pytest
import torch

from perception_kd.distill.losses import SP, RKDAngle, RKDDistance
from perception_kd.distill.losses.relations import at_box_centres
from tests.distill.contract import box_batch
from tests.distill.losses.helpers import assert_same, compare, drawn

LOSSES = SP, RKDDistance, RKDAngle


def smooth(gap: torch.Tensor) -> torch.Tensor:
    return 0.5 * gap**2 if abs(float(gap)) < 1 else abs(gap) - 0.5


def similarity_loop(ours, theirs):
    rows = []
    for value in (ours, theirs):
        products = [[(mine * other).sum() for other in value] for mine in value]
        rows.append([[cell / sum(c * c for c in row).sqrt() for cell in row] for row in products])
    cells = [(a - b) ** 2 for mine, other in zip(*rows) for a, b in zip(mine, other)]
    return sum(cells) / len(ours) ** 2


def distance_loop(ours, theirs):
    n, tables = len(ours), []
    for value in (ours, theirs):
        far = {(i, j): ((value[i] - value[j]) ** 2).sum().sqrt() for i in range(n) for j in range(n) if i != j}
        mean = sum(far.values()) / len(far)
        tables.append({pair: distance / mean for pair, distance in far.items()})
    return sum(smooth(tables[0][pair] - tables[1][pair]) for pair in tables[0]) / n**2


def angle_loop(ours, theirs):
    n, total = len(ours), 0.0
    for i in range(n):
        for j in range(n):
            for k in range(n):
                if i not in (j, k):
                    cosines = [torch.cosine_similarity(value[j] - value[i], value[k] - value[i], dim=0)
                               for value in (ours, theirs)]
                    total = total + smooth(cosines[0] - cosines[1])
    return total / n**3


LOOPS = dict(zip(LOSSES, (similarity_loop, distance_loop, angle_loop)))


@pytest.mark.parametrize('kind', LOSSES)
@pytest.mark.parametrize('instances', ['samples', 'pooled', 'boxes'])
def test_relations_equal_loops_over_instances(kind, instances):
    student, teacher = drawn(3, 4, 8, 8)
    teacher = teacher[:, :3] * 3
    pick = dict(samples=lambda value: value.flatten(1), pooled=lambda value: value.mean((2, 3)),
                boxes=lambda value: at_box_centres(value, box_batch(), 'test'))[instances]
    expected = LOOPS[kind](pick(student), pick(teacher))
    assert_same(compare(kind(instances=instances), student, teacher), expected, student, rtol=1e-3)


def test_box_features_are_bilinear_between_cell_centres():
    batch, value = box_batch(), drawn()[0]
    found, grid, row = at_box_centres(value, batch, 'test'), batch.grid, 0
    for sample, data in enumerate(batch.data_samples):
        for x, y in data.gt_instances_3d.bboxes_3d[:, :2].tolist():
            fx, fy = ((x - grid.x_min) / grid.cell - 0.5, (y - grid.y_min) / grid.cell - 0.5)
            expected = 0.0
            for down, right in ((0, 0), (0, 1), (1, 0), (1, 1)):
                iy, ix = math.floor(fy) + down, math.floor(fx) + right
                share = (1 - abs(fx - ix)) * (1 - abs(fy - iy))
                expected = expected + share * value[sample, :, min(max(iy, 0), 7), min(max(ix, 0), 7)]
            torch.testing.assert_close(found[row], expected, rtol=1e-4, atol=1e-5)
            row += 1
    assert row == len(found) == 6


def test_boxes_without_a_place_are_left_out():
    batch, value = box_batch(), drawn()[0]
    boxes = [data.gt_instances_3d.bboxes_3d for data in batch.data_samples]
    boxes[1][0, 0], boxes[1][1, 1], boxes[2][0, 7:] = 99.0, float('nan'), float('nan')  # off the grid, NaN, no velocity
    assert len(at_box_centres(value, batch, 'test')) == 4


@pytest.mark.parametrize('kind', LOSSES)
def test_fewer_than_two_instances_give_a_zero_in_the_graph(kind):
    batch = box_batch((4, 1))  # no box, and one
    student, teacher = drawn(2, 4, 8, 8)
    value = compare(kind(instances='boxes'), student, teacher, batch=batch)
    value.backward()
    assert float(value) == 0 and not student.grad.any()
    single = compare(kind(), student[:1], teacher[:1], batch=box_batch((1,)))
    assert float(single) == 0


@pytest.mark.parametrize('kind', LOSSES)
def test_instances_that_coincide_give_finite_gradients(kind):
    student, teacher = drawn(4, 5)
    same = student.detach()[[0, 0, 1, 1]].requires_grad_()
    compare(kind(), same, teacher).backward()
    assert same.grad.isfinite().all() and float(same.grad.abs().max()) < 100


@pytest.mark.parametrize('kind', LOSSES)
def test_more_instances_than_allowed_are_thinned_alike_on_both_sides(kind):
    student, teacher = drawn(20, 5)
    thinned = kind(max_instances=6)
    torch.manual_seed(3)
    found = compare(thinned, student, teacher)
    torch.manual_seed(3)
    kept = torch.randperm(20)[:6]
    torch.testing.assert_close(found, compare(kind(), student[kept], teacher[kept]))
    assert float(compare(thinned, teacher, teacher)) == pytest.approx(0.0, abs=1e-6)


def test_relations_refuse_masks_maps_without_boxes_and_unknown_settings():
    student, teacher = drawn()
    with pytest.raises(ValueError, match='SP takes no mask'):
        compare(SP(), student, teacher, torch.ones(3, 1, 8, 8))
    with pytest.raises(ValueError, match='SP needs a BEV grid'):
        compare(SP(instances='boxes'), student, teacher, batch=box_batch().on(None))
    for settings in (dict(instances='pixels'), dict(max_instances=1)):
        with pytest.raises(ValueError, match="'samples', 'pooled' or 'boxes' and max_instances at least 2"):
            RKDAngle(**settings)
    assert SP(instances='boxes').needs_boxes and not SP().needs_boxes
    assert SP(instances='boxes').kinds == ('bev', 'image') and 'vector' in SP().kinds
