"""Gradient accounting against separate backward passes; measuring leaves no trace."""

from __future__ import annotations

import math

import pytest
import torch
from mmengine.optim import OptimWrapper

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import PREFIX
from perception_kd.distill.gradients import TASK, GradientProbe, GradientReport, task_loss
from tests.distill.toys import ToyStudent, feature_pair, response_pair, toy_batch, toy_teacher


def build(balance: dict | None = None, dropout: float = 0.0, **pairs: dict) -> Distiller:
    torch.manual_seed(0)
    pairs = pairs or dict(feature=feature_pair(weight=0.5), response=response_pair())
    return Distiller(student=ToyStudent(dropout=dropout), teachers=dict(lidar=toy_teacher()), pairs=pairs,
                     balance=balance)


def measured(model: Distiller, at='taps') -> GradientReport:
    model.probe = GradientProbe(at)
    model.record(model.probe.taps(model.student, model.pairs.values()))
    model(**toy_batch(1, 2), mode='loss')
    return model.gradients


def test_inner_products_by_hand():
    a, b = torch.tensor([1.0, 2.0], requires_grad=True), torch.tensor([3.0], requires_grad=True)
    losses = dict(one=3 * a[0] + 4 * b[0], two=(a**2).sum() / 2, task=-a[1])
    report = GradientProbe()(losses, [a, b])
    assert report.norms() == pytest.approx(dict(one=5.0, two=math.sqrt(5), task=1.0))
    assert report.shares()['one'] == pytest.approx(5 / (6 + math.sqrt(5)))
    assert report.cosines() == pytest.approx({
        ('one', 'two'): 3 / (5 * math.sqrt(5)), ('one', 'task'): 0.0, ('two', 'task'): -2 / math.sqrt(5)})
    assert a.grad is None and b.grad is None


def separate(model: Distiller, key: str) -> torch.Tensor:
    """The gradient of one loss at the student's parameters, by a backward pass of its own."""
    model.zero_grad()
    losses = model(**toy_batch(1, 2), mode='loss')
    own = {name: value for name, value in losses.items() if not name.startswith(PREFIX)}
    (task_loss(own) if key == TASK else losses[PREFIX + key]).backward()
    return torch.cat([torch.zeros(weight.numel()) if weight.grad is None else weight.grad.flatten()
                      for weight in model.student.parameters()])


def test_at_parameters_it_equals_separate_backward_passes():
    model = build().eval()  # the same forward pass each time
    rows = torch.stack([separate(model, key) for key in ('feature', 'response', TASK)]).double()
    report = measured(model, 'parameters')
    assert report.names == ('feature', 'response', TASK)
    torch.testing.assert_close(report.gram, rows @ rows.T, rtol=1e-4, atol=1e-8)


def test_at_taps_it_equals_the_gradient_there():
    model, kept = build().eval(), []
    original = model.student.stem.forward

    def watched(value):
        kept.append(original(value))
        kept[-1].retain_grad()
        return kept[-1]
    model.student.stem.forward = watched
    rows = []
    for key in ('feature', 'response', TASK):
        separate(model, key)
        rows.append(kept[-1].grad.flatten().double())
    rows = torch.stack(rows)
    for at in ('taps', ['bev']):
        torch.testing.assert_close(measured(model, at).gram, rows @ rows.T, rtol=1e-4, atol=1e-10)


def test_small_gradients_of_float16_maps_do_not_vanish():
    """Below 6e-8 float16 has nothing."""
    place = torch.ones(4, dtype=torch.float16, requires_grad=True)
    report = GradientProbe()({'one': 1e-8 * place.float().sum()}, [place])
    assert report.norms()['one'] == pytest.approx(2e-8, rel=0.01)


def test_mmengines_sum_is_the_task_loss():
    losses = dict(loss_a=torch.tensor([1.0, 3.0]), a_loss=[torch.tensor(1.0), torch.tensor(2.0)],
                  accuracy=torch.tensor(9.0))
    assert float(task_loss(losses)) == float(build().parse_losses(losses)[0]) == 5.0


def trained(at: str | None) -> tuple[list[torch.Tensor], torch.Tensor]:
    model = build(dropout=0.5).train()
    optim = OptimWrapper(torch.optim.AdamW(model.parameters(), lr=1e-2))
    torch.manual_seed(4)
    for step in range(6):
        model.probe = GradientProbe(at) if at and step % 2 else None
        model.train_step(toy_batch(2 * step, 2 * step + 1), optim)
        assert (model.gradients is not None) == (model.probe is not None)
    return [value.clone() for value in model.state_dict().values()], torch.rand(3)


@pytest.mark.parametrize('at', ['taps', 'parameters'])
def test_training_is_the_same_bit_for_bit_with_and_without_it(at):
    (with_it, draws), (without, other_draws) = trained(at), trained(None)
    assert all(torch.equal(one, other) for one, other in zip(with_it, without))
    assert torch.equal(draws, other_draws)


def test_a_pair_at_weight_zero_has_no_gradient_and_no_cosine():
    report = measured(build(feature=feature_pair(weight=0.0), response=response_pair()))
    assert report.norms()['feature'] == 0.0 and report.norms()['response'] > 0
    assert list(report.cosines()) == [('response', TASK)]


def test_pairs_of_heads_alone_are_measured_at_the_students_maps():
    model = build(response=response_pair()).eval()
    report = measured(model)
    assert torch.equal(report.gram, measured(model, ['bev']).gram)
    assert report.norms()['response'] > 0 and report.norms()[TASK] > 0


def test_bad_places_are_named():
    with pytest.raises(ValueError, match="'taps', 'parameters' or a list of student taps, got 'weights'"):
        GradientProbe('weights')
    with pytest.raises(ValueError, match='the student has no tap nose; it has: bev, head'):
        measured(build(), ['nose'])
    torch.manual_seed(0)
    frozen = Distiller(student=ToyStudent(frozen_stem=True), teachers=dict(lidar=toy_teacher()),
                       pairs=dict(response=response_pair()))
    with pytest.raises(ValueError, match='measured at bev: none of them carries one'):
        measured(frozen, ['bev'])
