"""A pair: which teacher tap teaches which student tap, made comparable how, where it counts, by what loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.checks import shape_text
from perception_kd.distill.connectors import Connector, Identity
from perception_kd.distill.losses import DistillLoss
from perception_kd.distill.losses.base import counting_nothing
from perception_kd.distill.masks import Mask
from perception_kd.distill.nested import as_float, detached, tensors_of
from perception_kd.distill.schedules import Progress, Schedule, build_schedule
from perception_kd.distill.through import Through
from perception_kd.structures import ImageGrid, TapSpec, annotated_rows


@dataclass(frozen=True)
class PairValue:
    """One pair in one step.

    Args:
        loss: Weighted scalar with gradient.
        raw: The scalar before the weight, detached.
        weight: The schedule's weight at this step.
        coverage: Mean of the pair's mask, None without one: of a gate, how much it accepts.
        skipped: Samples left out because the pair needs boxes and they are not annotated.
        noted: What the loss found worth logging, by name.
    """

    loss: Tensor
    raw: Tensor
    weight: float
    coverage: Tensor | None = None
    skipped: int = 0
    noted: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Compared:
    """What the loss of a pair is given for one firing of its taps, in float32.

    Args:
        student: The student's value after the connector (and ``through``).
        teacher: The teacher's value, without gradient, before any target scale.
        mask, scale: ``(B, 1, ny, nx)`` or None, see :meth:`Pair.weights`.
        batch: The step, on the grid of the teacher's tap.
    """

    student: Any
    teacher: Any
    mask: Tensor | None
    scale: Tensor | None
    batch: DistillBatch


class Pair(nn.Module):
    """Compares one student tap with one teacher tap. The connector (and loss) parameters live here.

    Args:
        name: Plain word without ``loss`` in it; names the entry ``loss_distill.<name>``.
        student: Declaration of the student tap.
        teacher: Declaration of the teacher tap, its name as ``teacher.tap``.
        loss: The loss.
        connector: Makes channels and grid of the student's value those of the teacher's; None: they are
            already.
        mask: Where the pair counts; None: everywhere alike.
        target_scale: A mask that the teacher is multiplied by (IMKD's radar guidance).
        through: A teacher's function that the connector's output passes before it is compared.
        weight: Number or schedule.
        decay: Of taps that fire several times: weight of a firing over that of the next one; they are added up, as in
            the loss on a sequence of iterations (RAFT). None: their mean.

    Raises:
        ValueError: The taps do not fit together; names both with their shapes. A decay that is not in (0, 1].
    """

    def __init__(
        self,
        *,
        name: str,
        student: TapSpec,
        teacher: TapSpec,
        loss: DistillLoss,
        connector: Connector | None = None,
        mask: Mask | None = None,
        target_scale: Mask | None = None,
        through: Through | None = None,
        weight: float | dict | Schedule = 1.0,
        decay: float | None = None,
    ) -> None:
        super().__init__()
        _check_name(name)
        if decay is not None and not 0 < decay <= 1:
            raise ValueError(f"pair '{name}': decay lies in (0, 1], got {decay}")
        self.decay = decay
        self.name, self.student, self.teacher = name, student, teacher
        self.connector, self.through, self.loss = connector or Identity(), through, loss
        self.mask, self.target_scale, self.schedule = mask, target_scale, build_schedule(weight)
        self.needs_boxes = teacher.needs_boxes or any(part.needs_boxes for part in (loss, *self._masks))
        self._check_fit()

    @property
    def student_taps(self) -> set[str]:
        """Student taps that the pair and its masks read."""
        return {self.student.name}.union(*(mask.student_taps for mask in self._masks))

    @property
    def teacher_taps(self) -> set[str]:
        """Teacher taps (``teacher.tap``) that the pair and its masks read."""
        return {self.teacher.name}.union(*(mask.teacher_taps for mask in self._masks))

    @property
    def _masks(self) -> list[Mask]:
        return [mask for mask in (self.mask, self.target_scale) if mask is not None]

    def _check_fit(self) -> None:
        ours = self.connector.result(self.student)
        theirs = self.teacher if self.through is None else self.through.tap
        problem = ''
        if ours.kind != theirs.kind:
            problem = 'their kinds differ'
        elif self.teacher.kind not in self.loss.kinds:
            problem = f'{type(self.loss).__name__} compares taps of kind {", ".join(self.loss.kinds)}'
        elif ours.grid and theirs.grid and not ours.grid.same_as(theirs.grid):
            problem = "their grids differ; add dict(type='BEVResample') to the connector"
        elif ours.stride != theirs.stride:
            problem = 'their strides differ'
        elif (
            (self.loss.same_channels or self.through is not None)
            and None not in (ours.channels, theirs.channels)
            and ours.channels != theirs.channels
        ):
            problem = (
                "their channels differ; add dict(type='Conv1x1') or dict(type='DistillAdaptor') as connector"
            )
        if problem:
            changed = '' if ours == self.student else f', after the connector {ours},'
            raise ValueError(
                f"pair '{self.name}': student tap {self.student}{changed} and teacher tap {theirs} do not "
                f'fit: {problem}'
            )

    def forward(self, batch: DistillBatch, progress: Progress) -> PairValue:
        """The pair's loss at this step.

        At weight 0 the comparison runs without gradient (it is still logged, and batch norms still see data),
        and a zero that depends on every parameter keeps the pair in the graph, as distributed training needs,
        without 0 times infinity. The same zero stands for a batch in which a pair that needs boxes has no annotated
        sample; of a mixed batch such a pair sees the annotated samples as if the batch were these alone.
        """
        weight, value = self.schedule(progress), batch.student_taps[self.student.name]
        seen = self._annotated(batch)
        skipped = batch.size - seen.size
        empty = skipped == batch.size > 0
        if weight != 0:
            self._check_gradient(value)
        with torch.set_grad_enabled(torch.is_grad_enabled() and weight != 0):
            raw, coverage = self._take_part(batch) if empty else self._compare(seen)
        loss = weight * raw
        if weight == 0:
            loss = self._zero(value)
        elif empty:
            loss = loss + self._zero(value)
        return PairValue(loss, raw.detach(), weight, coverage, skipped, {} if empty else dict(self.loss.noted))

    def _annotated(self, batch: DistillBatch) -> DistillBatch:
        """The samples that the pair can compare."""
        rows = annotated_rows(batch.data_samples) if self.needs_boxes else range(batch.size)
        return batch if len(rows) == batch.size else batch.keep(rows, self.student_taps | self.teacher_taps)

    def _take_part(self, batch: DistillBatch) -> tuple[Tensor, None]:
        """Nothing to compare: 0, after the sums over processes in which others, who have something, wait for us.

        It keeps its graph: synchronised batch norms make such sums in the backward pass, too.
        """
        if dist.get_world_size() == 1:
            return torch.zeros((), device=batch.device), None
        with counting_nothing():
            return self._compare(batch.emptied())[0] * 0, None

    def weights(self, batch: DistillBatch) -> tuple[Tensor | None, Tensor | None]:
        """The mask, cut to what the connector covers, and the target scale: ``(B, 1, ny, nx)`` or None."""
        seen = self._seen(batch)
        with torch.no_grad():
            mask = None if self.mask is None else self.mask(seen)
            scale = None if self.target_scale is None else self.target_scale(seen)
            inside = self.connector.inside()
            if inside is not None:
                inside = inside.expand(batch.size, -1, -1, -1)
                mask = inside if mask is None else mask * inside
        return mask, scale

    def _compare(self, batch: DistillBatch) -> tuple[Tensor, Tensor | None]:
        """Over the firings of the taps, and the mean of the mask; everything in float32, outside of any autocast."""
        with _full_precision(batch):
            seen = self.compared(batch)
            values = [self.loss(one.student, one.teacher, weight=one.mask, scale=one.scale, batch=one.batch)
                      for one in seen]
        mask = seen[0].mask
        return self._over_firings(values), None if mask is None else mask.mean()

    def _over_firings(self, values: list[Tensor]) -> Tensor:
        if self.decay is None:
            return sum(values) / len(values)
        return sum(self.decay ** (len(values) - 1 - place) * value for place, value in enumerate(values))

    def compared(self, batch: DistillBatch) -> list[Compared]:
        """What the loss compares, for each firing of the taps.

        Raises:
            ValueError: the taps fired unequally often, or the two sides differ in shape.
        """
        ours = self._firings(self.student, batch.student_taps[self.student.name])
        theirs = self._firings(self.teacher, batch.teacher_taps[self.teacher.name])
        if len(theirs) == 1:
            theirs = theirs * len(ours)
        if len(ours) != len(theirs):
            raise ValueError(
                f"pair '{self.name}': student tap '{self.student.name}' fired {len(ours)} times, teacher "
                f"tap '{self.teacher.name}' {len(theirs)} times"
            )
        with _full_precision(batch):
            mask, scale = self.weights(batch)
            seen = self._seen(batch)
            return [Compared(*self._sides(mine, other, seen), mask, scale, seen) for mine, other in zip(ours, theirs)]

    def _seen(self, batch: DistillBatch) -> DistillBatch:
        """The batch on the cells of the teacher's tap."""
        image = None
        if self.teacher.kind == 'image' and self.teacher.stride:
            shape = self._firings(self.teacher, batch.teacher_taps[self.teacher.name])[0].shape
            image = ImageGrid(self.teacher.stride, *shape[-2:])
        return batch.on(self.teacher.grid, image)

    def _sides(self, ours: Any, theirs: Any, batch: DistillBatch) -> tuple[Any, Any]:
        ours, theirs = self.connector(as_float(ours)), detached(as_float(theirs))
        if self.through is not None:
            ours = as_float(batch.functions(self.through.function)(ours))
        if self.loss.same_channels and shape_text(ours) != shape_text(theirs):
            raise ValueError(
                f"pair '{self.name}': student tap '{self.student.name}' after the connector is "
                f"{shape_text(ours)}, teacher tap '{self.teacher.name}' is {shape_text(theirs)}"
            )
        return ours, theirs

    @staticmethod
    def _firings(spec: TapSpec, value: Any) -> list:
        return list(value) if spec.call == 'all' else [value]

    def _zero(self, value: Any) -> Tensor:
        parts = [*tensors_of(value), *(weight for weight in self.parameters() if weight.requires_grad)]
        return sum((torch.nan_to_num(part.float(), 0.0, 0.0, 0.0) * 0).sum() for part in parts)

    def _check_gradient(self, value: Any) -> None:
        if (
            self.training
            and torch.is_grad_enabled()
            and not any(part.requires_grad for part in tensors_of(value))
        ):
            raise ValueError(
                f"pair '{self.name}': student tap '{self.student.name}' carries no gradient (a frozen part, "
                'no_grad, or a reentrant checkpoint), so the pair could teach nothing'
            )


def _full_precision(batch: DistillBatch) -> torch.autocast:
    return torch.autocast(batch.device.type if batch.device.type == 'cuda' else 'cpu', enabled=False)


def _check_name(name: str) -> None:
    if not name.isidentifier() or 'loss' in name:
        raise ValueError(
            f"a pair's name is a plain word without 'loss' in it (mmengine adds up every entry whose key "
            f"holds that word), got '{name}'"
        )
