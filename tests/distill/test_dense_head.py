"""Taps of kind ``dense_head``: raw outputs of a 2D detector, held against their declaration."""

import pytest
import torch

from perception_kd.distill.checks import check_value, dense_levels, shape_text
from perception_kd.distill.derived import with_derived
from perception_kd.distill.gradients import GradientProbe
from perception_kd.distill.nested import take_rows
from perception_kd.structures import TapSpec

SPEC = TapSpec('head', 'dense_head', 2, 'outputs')


def levels(classes: int = 2, batch: int = 3) -> list[dict]:
    return [dict(classes=torch.rand(batch, 3, classes, size, size), objectness=torch.rand(batch, 3, size, size),
                 boxes=torch.rand(batch, 3, 4, size, size)) for size in (4, 2)]


def test_what_is_declared_passes_and_the_rest_is_named():
    check_value('student', SPEC, levels())
    with pytest.raises(ValueError, match=r'tap head .*\(3, 3, 1, 4, 4\) \+ \(3, 3, 1, 2, 2\): 2 classes declared'):
        check_value('student', SPEC, levels(classes=1))
    with pytest.raises(ValueError, match="needs a list of dicts with 'classes' and 'boxes', got a Tensor"):
        check_value('student', SPEC, torch.rand(2, 3))
    with pytest.raises(ValueError, match="got a list"):
        check_value('student', SPEC, [dict(heatmap=torch.rand(1, 1, 2, 2))])
    with pytest.raises(ValueError, match='boxes \\(B, A, 4, H, W\\) declared'):
        check_value('student', SPEC, [dict(level, boxes=level['boxes'][:, :, 0]) for level in levels()])


def test_its_shape_is_that_of_its_classes_and_its_samples_can_be_taken():
    assert shape_text(levels()) == '(3, 3, 2, 4, 4) + (3, 3, 2, 2, 2)'
    whole = levels()
    kept = take_rows(whole, [2, 0], 3)
    assert torch.equal(kept[1]['boxes'], whole[1]['boxes'][[2, 0]])
    assert len(dense_levels(tuple(whole))) == 2


def test_nothing_of_center_heads_follows_from_it_and_no_gradient_is_measured_at_it():
    assert set(with_derived({'head': SPEC})) == {'head'}
    student = torch.nn.Module()
    student.tap_specs = lambda: {'head': SPEC, 'map': TapSpec('map', 'image', 4, 'map', stride=8)}
    assert GradientProbe(at='taps').taps(student, []) == ['map']
