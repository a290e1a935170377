"""Pair weights that follow the gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from perception_kd.distill.gradients import TASK, GradientProbe, GradientReport, Place, task_loss
from perception_kd.distill.pair import Pair, PairValue
from perception_kd.distill.schedules import full_weight
from perception_kd.registry import MODELS

if TYPE_CHECKING:
    from perception_kd.distill.distiller import Distiller


@MODELS.register_module()
class GradientNormBalance(nn.Module):
    """Multiplies pair weights so that each pair's gradient norm is a wanted share of the task's.

    At its schedule's full weight the pair ``p`` reaches ``|grad L_p| = shares[p] * |grad L_task|``; while the
    schedule ramps, that much less. Factors are averaged geometrically over measurements, live in the state dict (a
    resumed run goes on with them) and take effect in the step after a measurement.

    Args:
        shares: Wanted ratio to the task's gradient norm by pair; pairs not named keep their weights.
        momentum: Of the average, in [0, 1); the first measurement is taken as it is.
        interval: Training steps between two measurements, each of which costs a part of a backward pass per loss.
        at: Where gradients are measured, see :class:`~perception_kd.distill.gradients.GradientProbe`.
        limits: Least and largest factor.
    """

    def __init__(
        self,
        *,
        shares: Mapping[str, float],
        momentum: float = 0.9,
        interval: int = 10,
        at: Place = 'taps',
        limits: tuple[float, float] = (1e-3, 1e3),
    ) -> None:
        super().__init__()
        if not shares or min(shares.values()) <= 0:
            raise ValueError(f'GradientNormBalance: shares are positive numbers by pair, got {dict(shares)}')
        if not 0 <= momentum < 1 or interval < 1 or not 0 < limits[0] <= limits[1]:
            raise ValueError(
                'GradientNormBalance needs 0 <= momentum < 1, interval >= 1 and 0 < limits in order, got '
                f'{momentum}, {interval}, {tuple(limits)}'
            )
        self.shares, self.momentum, self.interval = dict(shares), momentum, interval
        self.probe, self.limits = GradientProbe(at), limits
        self.register_buffer('factors', torch.ones(len(shares), dtype=torch.float64))
        self.register_buffer('measured', torch.zeros(len(shares), dtype=torch.bool))

    def check(self, pairs: Mapping[str, Pair]) -> None:
        """See that the pairs exist.

        Raises:
            ValueError: names those that do not.
        """
        unknown = sorted(set(self.shares) - set(pairs))
        if unknown:
            raise ValueError(f'GradientNormBalance: no pairs {", ".join(unknown)}; there are: {", ".join(pairs)}')

    def due(self, iteration: int) -> bool:
        """Whether this step is to be measured."""
        return self.training and iteration % self.interval == 0

    def apply_to(self, values: Mapping[str, PairValue]) -> dict[str, PairValue]:
        """The values with their losses and weights multiplied."""
        factors = dict(zip(self.shares, self.factors.tolist()))
        return {
            name: replace(value, loss=value.loss * factors[name], weight=value.weight * factors[name])
            if name in factors else value
            for name, value in values.items()
        }

    def update(self, report: GradientReport, values: Mapping[str, PairValue], full: Mapping[str, float]) -> None:
        """Take one measurement.

        Args:
            report: Gradients of the losses of ``values`` and of the task.
            values: The multiplied values of this step; a pair at weight 0 or with a gradient of 0 or not finite
                is left alone.
            full: The weight that each pair's schedule reaches.
        """
        norms = report.norms()
        for place, (name, share) in enumerate(self.shares.items()):
            weight, norm, task = abs(values[name].weight), norms[name], norms[TASK]
            if not all(math.isfinite(size) and size > 0 for size in (weight, norm, task, abs(full[name]))):
                continue
            wanted = share * task * weight / (norm * abs(full[name]))
            kept = self.momentum if bool(self.measured[place]) else 0.0
            factor = math.exp(kept * math.log(float(self.factors[place])) + (1 - kept) * math.log(wanted))
            self.factors[place] = min(max(factor, self.limits[0]), self.limits[1])
            self.measured[place] = True


def observe_gradients(
    distiller: Distiller, losses: Mapping[str, Any], values: Mapping[str, PairValue], taps: Mapping[str, Any]
) -> GradientReport | None:
    """Measure gradients where a hook (``distiller.probe``) or the balance asks for it in this step.

    Args:
        distiller: Whose step it is.
        losses: The student's own.
        values: The pairs'.
        taps: Recorded student taps.

    Returns:
        What the hook wants to see, None if it did not ask.
    """
    balance = distiller.balance
    if balance is not None and not balance.due(distiller.progress.iteration):
        balance = None
    reports, pairs = {}, distiller.pairs
    for probe in (distiller.probe, balance and balance.probe):
        if probe is not None and probe.at not in reports:
            parts = {**{name: value.loss for name, value in values.items()}, TASK: task_loss(losses)}
            reports[probe.at] = probe(parts, probe.places(distiller.student, pairs.values(), taps))
    if balance is not None:
        full = {name: full_weight(pair.schedule) for name, pair in pairs.items()}
        balance.update(reports[balance.probe.at], values, full)
    return reports[distiller.probe.at] if distiller.probe is not None else None
