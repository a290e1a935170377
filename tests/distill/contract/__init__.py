"""Cases of the contract that every distillation loss keeps: ``CASES`` of each module here are tested by
``test_loss_contract.py``. A loss that is registered without a case fails there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Generator, Tensor

from perception_kd.distill import DistillBatch
from perception_kd.distill.losses import DistillLoss
from tests.distill.toys import GRID, toy_batch

Transform = Callable[[Any, Any], tuple[Any, Any]]
"""``(student, teacher) -> (student, teacher)``."""


def box_batch(samples: Sequence[int] = (1, 2, 3)) -> DistillBatch:
    """A batch on the 8 x 8 cells of ``toys.GRID``; sample number i has i % 4 true boxes, labels 0 and 1."""
    return DistillBatch(**toy_batch(*samples), grid=GRID)


@dataclass(frozen=True)
class LossCase:
    """One way to use one loss, and what its docstring promises of it.

    Args:
        name: Unique within its module.
        loss: Builds it; called anew for every test, under a fixed seed.
        values: Student's and teacher's value (three samples by default), drawn from a generator: tensors, or nested
            lists and dicts. All floating tensors of the student must receive gradient.
        batch: What the loss may look at besides.
        best: The student's value at which the known minimum is taken, from the teacher's; None: the teacher's own.
        minimum: The known minimum, a number or a function of the teacher's value. None only together with ``why``.
        why: Why there is no known minimum (an adversarial term), for people.
        keeps: Documented invariances by name: transforms that leave the loss as it is.
        changes: Transforms by name that must change it: what the loss is there to see.
        weight, scale: A mask and a target scale ``(B, 1, ...)``.
        learns: The loss has parameters of its own, and all of them receive gradient.
        kind: Tap kind in which it is tested, None: the first of the loss.
        rtol: Relative tolerance of minimum and invariance (float32).
    """

    name: str
    loss: Callable[[], DistillLoss]
    values: Callable[[Generator], tuple[Any, Any]]
    batch: DistillBatch = field(default_factory=box_batch)
    best: Callable[[Any], Any] | None = None
    minimum: float | Callable[[Any], float] | None = 0.0
    why: str = ''
    keeps: Mapping[str, Transform] = field(default_factory=dict)
    changes: Mapping[str, Transform] = field(default_factory=dict)
    weight: Tensor | None = None
    scale: Tensor | None = None
    learns: bool = False
    kind: str | None = None
    rtol: float = 1e-5


def map_tensors(change: Callable[[Tensor], Tensor], value: Any) -> Any:
    """A nested value with every floating tensor in it replaced by ``change`` of it."""
    if isinstance(value, Tensor):
        return change(value) if value.is_floating_point() else value
    if isinstance(value, Mapping):
        return {key: map_tensors(change, item) for key, item in value.items()}
    return [map_tensors(change, item) for item in value] if isinstance(value, (list, tuple)) else value


def two_maps(*shape: int, relu: bool = False) -> Callable[[Generator], tuple[Tensor, Tensor]]:
    """Draws two independent normal tensors of a shape (3 x 4 x 8 x 8: three samples on ``GRID``); ``relu`` cuts the
    teacher's at 0, as taps after a ReLU are."""

    def draw(generator: Generator) -> tuple[Tensor, Tensor]:
        student, teacher = (torch.randn(*(shape or (3, 4, 8, 8)), generator=generator) for _ in range(2))
        return student, teacher.relu() if relu else teacher

    return draw


def two_heads(
    classes: Sequence[int] = (1, 1), *, maps: Mapping[str, int] | None = None
) -> Callable[[Generator], tuple[list, list]]:
    """Draws raw outputs of two CenterHeads on ``GRID`` for three samples.

    Args:
        classes: Heat maps per task.
        maps: Channels of the regression branches by name.
    """
    maps = dict(reg=2, dim=3) if maps is None else maps

    def draw(generator: Generator) -> tuple[list, list]:
        def head() -> list:
            return [[{name: torch.randn(3, width, *GRID.shape, generator=generator)
                      for name, width in dict(heatmap=count, **maps).items()}] for count in classes]

        return head(), head()

    return draw
