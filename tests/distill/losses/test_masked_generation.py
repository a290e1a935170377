"""MGD against its formula, and what it strikes out."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from perception_kd.distill.losses import MGD, build_loss
from perception_kd.structures import TapSpec
from tests.distill.losses.helpers import assert_same, compare, drawn, of_two_processes


@pytest.mark.parametrize('masked', [False, True])
def test_generation_equals_the_formula_written_out(masked):
    loss, (student, teacher) = MGD(channels=4), drawn()
    weight = torch.rand(3, 1, 8, 8) if masked else None
    torch.manual_seed(2)
    found = compare(loss, student, teacher, weight)
    torch.manual_seed(2)
    kept = torch.rand(3, 1, 8, 8) >= 0.65
    first, second = loss.generator[0], loss.generator[2]
    hidden = functional.conv2d(student * kept, first.weight, first.bias, padding=1).clamp(min=0)
    gap = functional.conv2d(hidden, second.weight, second.bias, padding=1) - teacher
    total = sum(gap[sample, :, y, x].square().sum() * (weight[sample, 0, y, x] if masked else 1.0)
                for sample in range(3) for y in range(8) for x in range(8))
    assert_same(found, total / 3, student)
    assert 0.2 < float(kept.float().mean()) < 0.5


def test_places_that_are_struck_out_get_no_gradient_and_change_from_step_to_step():
    loss, (student, teacher) = MGD(channels=4), drawn()
    struck = []
    for _ in range(2):
        student.grad = None
        compare(loss, student, teacher).backward()
        struck.append(~student.grad.any(dim=1))
    assert 0.4 < float(struck[0].float().mean()) < 0.9 and not torch.equal(*struck)


def test_two_processes_equal_one_where_nothing_is_struck_out(monkeypatch):
    loss, (student, teacher) = MGD(channels=4, drop=0.0), drawn()
    whole = float(compare(loss, student, teacher))
    parts = [lambda part=part: compare(loss, student[part], teacher[part]) for part in (slice(0, 1), slice(1, 3))]
    assert of_two_processes(monkeypatch, parts) == pytest.approx(whole, rel=1e-5)


def test_width_follows_from_the_declarations_and_settings_are_checked():
    spec = TapSpec('map', 'bev', 5, '')
    assert build_loss(dict(type='MGD', drop=0.45), spec, spec).generator[0].in_channels == 5
    with pytest.raises(ValueError, match='missing 1 required keyword-only argument'):
        build_loss('MGD', TapSpec('map', 'bev', None, ''), TapSpec('map', 'bev', None, ''))
    with pytest.raises(ValueError, match=r'drop lies in \[0, 1\)'):
        MGD(channels=4, drop=1.0)
