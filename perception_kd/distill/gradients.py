"""How strongly each pair and the task pull at the student, and whether they pull the same way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, Literal

import torch
from mmengine import dist
from torch import Tensor, nn

from perception_kd.distill.nested import tensors_of
from perception_kd.distill.pair import Pair

TASK = 'task'
SCALE = 2.0**10  # a power of two: exact, and keeps the small gradients of float16 maps from vanishing
COPIED = ('head', 'dense_head')  # kinds of taps that are copies, which the task's gradient does not pass
Place = Literal['taps', 'parameters'] | Sequence[str]


@dataclass(frozen=True)
class GradientReport:
    """Inner products of the gradients of several losses.

    Args:
        names: Pairs, and ``task`` for the student's own losses.
        gram: ``(n, n)`` float64 on the CPU.
    """

    names: tuple[str, ...]
    gram: Tensor

    def norms(self) -> dict[str, float]:
        """Euclidean norm of each loss's gradient."""
        return dict(zip(self.names, self.gram.diagonal().clamp(min=0).sqrt().tolist()))

    def shares(self) -> dict[str, float]:
        """Each norm over the sum of all norms."""
        norms = self.norms()
        total = sum(norms.values())
        return {name: norm / total if total > 0 else 0.0 for name, norm in norms.items()}

    def cosines(self) -> dict[tuple[str, str], float]:
        """Cosine of the angle between each two gradients that are not 0."""
        norms, found = self.norms(), {}
        for (i, one), (j, other) in combinations(enumerate(self.names), 2):
            if norms[one] > 0 and norms[other] > 0:
                cosine = float(self.gram[i, j]) / (norms[one] * norms[other])
                found[one, other] = min(max(cosine, -1.0), 1.0)
        return found


class GradientProbe:
    """Measures the gradients of a step's losses without leaving a trace in the training.

    It walks the graph that the losses have built (``torch.autograd.grad``): nothing runs forward again, no random
    number is drawn, no ``.grad`` is written and no hook of a parallel wrapper is called. Memory: one gradient per
    loss and place. In a distributed run the figures are those of the whole batch. Not for activation
    checkpointing between the places and the losses, which would run that part forward again.

    Args:
        at: Where: ``taps``: the student's maps that the pairs compare (all of its maps, if these are heads alone),
            taken together: exact and cheap; names of student taps; or ``parameters``: all of the student's that are
            trained. A place that feeds another (a radar map and the fused map) is counted beside it.
    """

    def __init__(self, at: Place = 'taps') -> None:
        if isinstance(at, str) and at not in ('taps', 'parameters'):
            raise ValueError(f"GradientProbe: at is 'taps', 'parameters' or a list of student taps, got '{at}'")
        self.at = at if isinstance(at, str) else tuple(at)

    def __call__(self, losses: Mapping[str, Tensor], places: Sequence[Tensor]) -> GradientReport:
        """Measure.

        Args:
            losses: Scalars with a graph, by name.
            places: Tensors of that graph; one that a loss does not depend on has gradient 0 for it.
        """
        rows = [
            torch.autograd.grad(loss * SCALE, places, retain_graph=True, allow_unused=True)
            for loss in losses.values()
        ]
        if self.at == 'parameters' and dist.get_world_size() > 1:
            rows = [_averaged(row, places) for row in rows]
        gram = torch.zeros(len(rows), len(rows), dtype=torch.float64)
        for i, row in enumerate(rows):
            for j, other in enumerate(rows[: i + 1]):
                gram[i, j] = gram[j, i] = _inner(row, other) / SCALE**2
        return GradientReport(tuple(losses), self._over_processes(gram, places[0].device))

    def _over_processes(self, gram: Tensor, device: torch.device) -> Tensor:
        """Processes hold different samples, and the gradient of the batch's loss is the mean over processes."""
        processes = dist.get_world_size()
        if self.at == 'parameters' or processes == 1:
            return gram
        gram = gram.to(device)
        dist.all_reduce(gram)
        return gram.cpu() / processes**2

    def taps(self, student: nn.Module, pairs: Iterable[Pair]) -> list[str]:
        """Names of the student taps at which it measures; they have to be recorded."""
        if self.at == 'parameters':
            return []
        if self.at != 'taps':
            return list(self.at)
        compared = [pair.student.name for pair in pairs if pair.student.kind not in COPIED]
        declared = student.tap_specs() if not compared else {}
        return list(dict.fromkeys(compared)) or [name for name, spec in declared.items() if spec.kind not in COPIED]

    def places(self, student: nn.Module, pairs: Iterable[Pair], taps: Mapping[str, Any]) -> list[Tensor]:
        """The tensors at which to measure.

        Args:
            student: The student.
            pairs: All pairs.
            taps: Recorded student taps.

        Raises:
            ValueError: None of them carries a gradient.
        """
        if self.at == 'parameters':
            return [weight for weight in student.parameters() if weight.requires_grad]
        names = self.taps(student, pairs)
        found = [part for name in names for part in tensors_of(taps[name]) if part.requires_grad]
        if not found:
            raise ValueError(f'gradients cannot be measured at {", ".join(names)}: none of them carries one')
        return found


def task_loss(losses: Mapping[str, Any]) -> Tensor:
    """The sum that mmengine makes of a student's losses: every entry whose key contains ``loss``."""
    return sum(part.mean() for key, value in losses.items() if 'loss' in key for part in tensors_of(value))


def _inner(one: Sequence[Tensor | None], other: Sequence[Tensor | None]) -> float:
    parts = [
        torch.dot(a.flatten().float(), b.flatten().float()).double()
        for a, b in zip(one, other)
        if a is not None and b is not None
    ]
    return float(torch.stack(parts).sum()) if parts else 0.0


def _averaged(row: Sequence[Tensor | None], places: Sequence[Tensor]) -> list[Tensor]:
    filled = [torch.zeros_like(place) if part is None else part for part, place in zip(row, places)]
    for part in filled:
        dist.all_reduce(part, 'mean')
    return filled
