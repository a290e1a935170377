"""CIoU against a scalar implementation of the paper's formula, values and gradients."""

from __future__ import annotations

import math

import pytest
import torch

from perception_kd.models.uav.boxes import matrix_iou, pair_ciou, pair_iou


def ciou(ours: list[float], theirs: list[float], weight: float | None = None) -> tuple[float, float]:
    """CIoU and the weight of its last term, which may be given, in Python's floats."""
    def area(box):
        return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)

    low = [max(a, b) for a, b in zip(ours[:2], theirs[:2])]
    high = [min(a, b) for a, b in zip(ours[2:], theirs[2:])]
    shared = area([*low, *high]) if high[0] > low[0] and high[1] > low[1] else 0.0
    iou = shared / (area(ours) + area(theirs) - shared)
    centres = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (ours, theirs)]
    around = [max(ours[2], theirs[2]) - min(ours[0], theirs[0]), max(ours[3], theirs[3]) - min(ours[1], theirs[1])]
    angles = [math.atan((box[2] - box[0]) / (box[3] - box[1])) for box in (ours, theirs)]
    v = 4 / math.pi**2 * (angles[0] - angles[1]) ** 2
    weight = v / (1 - iou + v) if weight is None else weight
    return iou - math.dist(*centres) ** 2 / math.hypot(*around) ** 2 - weight * v, weight


def boxes(count: int = 40) -> torch.Tensor:
    g = torch.Generator().manual_seed(3)
    low = torch.rand(count, 2, generator=g, dtype=torch.float64) * 20
    return torch.cat([low, low + 2 + torch.rand(count, 2, generator=g, dtype=torch.float64) * 15], 1)


def test_values_and_gradients():
    ours, theirs = boxes()[:20].requires_grad_(), boxes()[20:]
    found = pair_ciou(ours, theirs)
    found.sum().backward()
    for row in range(20):
        one, other = ours[row].tolist(), theirs[row].tolist()
        wanted, weight = ciou(one, other)
        assert found[row].item() == pytest.approx(wanted, abs=1e-6)
        for side in range(4):
            step = 1e-5
            up, down = (ciou([*one[:side], one[side] + s, *one[side + 1:]], other, weight)[0] for s in (step, -step))
            assert ours.grad[row, side].item() == pytest.approx((up - down) / (2 * step), abs=1e-5)


def test_equal_boxes_far_boxes_and_any_unit():
    some = boxes()
    assert torch.allclose(pair_ciou(some, some), torch.ones(40, dtype=torch.float64), atol=1e-6)
    assert torch.allclose(pair_ciou(some[:20], some[20:]), pair_ciou(some[:20] * 8, some[20:] * 8), atol=1e-6)
    far = pair_ciou(some, some + 1000)
    assert (far < 0).all() and (far > -1.5).all()


def test_no_area_gives_no_nan():
    flat = torch.tensor([[3.0, 3, 3, 3], [1.0, 2, 1, 9]], requires_grad=True)
    found = pair_ciou(flat, torch.tensor([[2.0, 2, 6, 6]]).expand(2, 4))
    found.sum().backward()
    assert torch.isfinite(found).all() and torch.isfinite(flat.grad).all()


def test_every_one_with_every_one():
    some = boxes(5)
    wanted = torch.stack([torch.stack([pair_iou(a, b) for b in some]) for a in some])
    assert torch.allclose(matrix_iou(some, some), wanted)
