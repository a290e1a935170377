"""What the tests of several losses share."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import DistillLoss, base
from tests.distill.contract import box_batch


def compare(
    loss: DistillLoss, student: Tensor, teacher: Tensor, weight: Tensor | None = None, scale: Tensor | None = None,
    batch: DistillBatch | None = None,
) -> Tensor:
    """The loss, on :func:`box_batch` unless said otherwise."""
    return loss(student, teacher, weight=weight, scale=scale, batch=batch or box_batch())


def drawn(*shape: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """A student that wants a gradient and a teacher."""
    generator = torch.Generator().manual_seed(seed)
    student, teacher = (torch.randn(*(shape or (3, 4, 8, 8)), generator=generator) for _ in range(2))
    return student.requires_grad_(), teacher


def assert_same(found: Tensor, expected: Tensor, student: Tensor, rtol: float = 1e-4) -> None:
    """Values and gradients to the student agree."""
    torch.testing.assert_close(found, expected.to(found), rtol=rtol, atol=1e-6)
    ours, theirs = (torch.autograd.grad(value, student, retain_graph=True)[0] for value in (found, expected))
    torch.testing.assert_close(ours, theirs, rtol=rtol, atol=rtol / 10 * float(theirs.abs().max()) + 1e-8)


def of_two_processes(monkeypatch: pytest.MonkeyPatch, parts: tuple[Callable[[], Tensor], ...]) -> float:
    """Mean of the losses of two processes that meet in every sum of :func:`normaliser`, as distributed training
    averages them."""
    seen: list[list[Tensor]] = []

    def note(total: Tensor) -> None:
        seen[-1].append(total.clone())

    monkeypatch.setattr(base, 'dist', SimpleNamespace(get_world_size=lambda: 2, all_reduce=note))
    for part in parts:
        seen.append([])
        part()
    values = []
    for part in parts:
        sums = iter([sum(met) for met in zip(*seen)])
        meet = SimpleNamespace(get_world_size=lambda: 2, all_reduce=lambda total: total.copy_(next(sums)))  # noqa: B023
        monkeypatch.setattr(base, 'dist', meet)
        values.append(float(part()))
    monkeypatch.undo()
    return sum(values) / len(values)
