"""What every distillation loss keeps: its minimum, where gradient goes, its invariance, finite values."""

from __future__ import annotations

import importlib
import pkgutil
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

import perception_kd.compat  # noqa: F401
from perception_kd.distill import Pair
from perception_kd.distill.losses import DistillLoss, base
from perception_kd.distill.masks import Mask
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.schedules import Progress
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import TapSpec
from tests.distill import contract
from tests.distill.contract import LossCase, map_tensors

MODULES = [importlib.import_module(f'{contract.__name__}.{found.name}')
           for found in pkgutil.iter_modules(contract.__path__)]
CASES = {f'{module.__name__.rpartition(".")[2]}.{case.name}': case for module in MODULES for case in module.CASES}
every_case = pytest.mark.parametrize('case', CASES.values(), ids=CASES)
ZEROS = {'student': (0, 1), 'teacher': (1, 0), 'both': (0, 0)}


class Fixed(Mask):
    """Weights that are given."""

    def __init__(self, weights: Tensor) -> None:
        self.weights = weights

    def __call__(self, batch) -> Tensor:
        return self.weights


def build(case: LossCase) -> DistillLoss:
    torch.manual_seed(0)
    return case.loss()


def draw(case: LossCase, seed: int = 0) -> tuple[Any, Any]:
    return case.values(torch.Generator().manual_seed(seed))


def loss_of(case: LossCase, loss: DistillLoss, student: Any, teacher: Any) -> Tensor:
    """The loss with the same random numbers at every call (masks of MGD)."""
    torch.manual_seed(1)
    return loss(student, teacher, weight=case.weight, scale=case.scale, batch=case.batch)


def grad_leaves(value: Any) -> Any:
    return map_tensors(lambda tensor: tensor.detach().clone().requires_grad_(), value)


def through_a_pair(case: LossCase, loss: DistillLoss, student: Any, teacher: Any) -> Tensor:
    kind = case.kind or loss.kinds[0]
    stride = case.batch.image.stride if kind == 'image' and case.batch.image else None
    spec = TapSpec('tap', kind, None, '', grid=case.batch.grid if kind in ('bev', 'head') else None, stride=stride)
    mask, scale = (None if weights is None else Fixed(weights) for weights in (case.weight, case.scale))
    pair = Pair(name='one', student=spec, teacher=replace(spec, name='lidar.tap'), loss=loss, mask=mask,
                target_scale=scale)
    seen = replace(case.batch, student_taps=dict(tap=student), teacher_taps={'lidar.tap': teacher})
    torch.manual_seed(1)
    return pair(seen, Progress()).loss


def test_every_registered_loss_of_ours_has_a_case():
    DISTILL_LOSSES.import_from_location()
    ours = {kind for kind in DISTILL_LOSSES.module_dict.values() if kind.__module__.startswith('perception_kd.')}
    missing = ours - {type(build(case)) for case in CASES.values()}
    assert not missing, f'no case in tests/distill/contract for {sorted(kind.__name__ for kind in missing)}'


@every_case
def test_the_known_minimum_is_one(case):
    loss, (student, teacher) = build(case), draw(case)
    if case.minimum is None:
        assert case.why, 'a loss without a known minimum says why'
        return
    best = case.best(teacher) if case.best else teacher
    lowest = float(loss_of(case, loss, best, teacher))
    known = case.minimum(teacher) if callable(case.minimum) else case.minimum
    assert lowest == pytest.approx(known, rel=case.rtol, abs=case.rtol)
    assert float(loss_of(case, loss, student, teacher)) > lowest + case.rtol
    for seed, step in enumerate((0.1, 0.3, 1.0)):
        noise = torch.Generator().manual_seed(seed)
        moved = map_tensors(lambda part: part + step * torch.randn(part.shape, generator=noise), best)  # noqa: B023
        assert float(loss_of(case, loss, moved, teacher)) >= lowest - case.rtol


@every_case
def test_gradient_reaches_the_student_and_the_losses_own_parts_but_never_the_teacher(case):
    loss, (student, teacher) = build(case), map(grad_leaves, draw(case))
    through_a_pair(case, loss, student, teacher).backward()
    for part in filter(Tensor.is_floating_point, tensors_of(student)):
        assert part.grad is not None and part.grad.isfinite().all() and part.grad.any()
    assert all(part.grad is None or not part.grad.any() for part in tensors_of(teacher))
    own = {name: weight for name, weight in loss.named_parameters() if weight.requires_grad}
    assert bool(own) == case.learns
    assert [name for name, weight in own.items() if weight.grad is None or not weight.grad.any()] == []


@every_case
def test_documented_invariances_hold_and_what_must_count_counts(case):
    loss, (student, teacher) = build(case), draw(case)
    plain = float(loss_of(case, loss, student, teacher))
    for name, transform in case.keeps.items():
        changed = float(loss_of(case, loss, *transform(student, teacher)))
        assert changed == pytest.approx(plain, rel=case.rtol, abs=1e-7), name
    for name, transform in case.changes.items():
        changed = float(loss_of(case, loss, *transform(student, teacher)))
        assert changed != pytest.approx(plain, rel=100 * case.rtol), name


@every_case
@pytest.mark.parametrize('zero', ZEROS)
def test_all_zero_values_give_finite_losses_and_gradients(case, zero):
    loss, (student, teacher) = build(case), draw(case)
    mine, other = ZEROS[zero]
    student, teacher = grad_leaves(map_tensors(lambda part: part * mine, student)), map_tensors(
        lambda part: part * other, teacher)
    value = loss_of(case, loss, student, teacher)
    assert bool(value.isfinite()) and value.dim() == 0
    value.backward()
    grads = [part.grad for part in [*tensors_of(student), *loss.parameters()] if part.grad is not None]
    assert grads and all(grad.isfinite().all() for grad in grads)


@every_case
@pytest.mark.parametrize('lacks', ['places', 'boxes'])
def test_a_process_with_nothing_to_compare_takes_part_in_every_sum(case, lacks, monkeypatch):
    """A sum over processes that one of them leaves out is one that the others wait for without end."""
    made: list[tuple[int, ...]] = []
    meeting = SimpleNamespace(get_world_size=lambda: 2, all_reduce=lambda total: made.append(tuple(total.shape)))
    monkeypatch.setattr(base, 'dist', meeting)
    student, teacher = draw(case)
    shape = tensors_of(student)[0].shape
    some = torch.ones(shape[0], 1, *(shape[-2:] if len(shape) > 2 else ())) if case.weight is None else case.weight
    weights, batches, sums = (some, some), (case.batch, case.batch), []
    if lacks == 'places':
        weights = some, some * 0
    elif build(case).needs_boxes:
        batches = case.batch, case.batch.emptied()
    for weight, batch in zip(weights, batches):
        made.clear()
        with nullcontext() if batch is case.batch else base.counting_nothing():
            try:
                value = loss_of(replace(case, weight=weight, batch=batch), build(case), student, teacher)
            except ValueError as refused:
                assert 'takes no mask' in str(refused)
                value = loss_of(replace(case, batch=batch), build(case), student, teacher)
        assert value.isfinite()
        sums.append(list(made))
    assert sums[0] == sums[1]


@pytest.mark.parametrize('case', [case for case in CASES.values() if build(case).blind_to_scale],
                         ids=[name for name, case in CASES.items() if build(case).blind_to_scale])
def test_a_loss_that_calls_itself_blind_to_scale_is(case):
    student, teacher = draw(case)
    larger = map_tensors(lambda value: 3 * value, student)
    loss = build(case)
    torch.testing.assert_close(loss_of(case, loss, larger, teacher), loss_of(case, loss, student, teacher),
                               rtol=1e-4, atol=1e-5)
    if isinstance(student, Tensor):
        sides = [loss.sides(value, teacher, weight=None, scale=None)[0] for value in (student, larger)]
        torch.testing.assert_close(*sides)
