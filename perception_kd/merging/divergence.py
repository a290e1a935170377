"""How far a merged detector's dense outputs are from an expert's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.checks import head_tasks
from perception_kd.distill.class_maps import bernoulli_divergence


class HeadDivergence:
    """Bernoulli KL of heat maps at a temperature, and L1 of boxes where the expert is sure.

    Our reading of SAMerging for dense heads; the paper merges classifiers by ``KL(softmax(t/tau) || softmax(s/tau))``
    without a factor ``tau^2``. A cell and class of a heat map is a Bernoulli variable, so the sum over cells stands
    for the sum over classes:

    ``(sum KL(sigmoid(T/tau) || sigmoid(S/tau)) + box_weight * sum c |S_box - T_box|) / max(1, sum c)``

    where c is the expert's largest class probability in a cell where that exceeds ``threshold``. Without the box part
    nothing would say how the layers of the regression branches are to be merged. 0, its minimum, at equal outputs.

    Args:
        temperature: tau.
        box_weight: Of all regression channels alike; 0: heat maps alone.
        threshold: Least confidence of the expert.
    """

    def __init__(self, *, temperature: float = 2.0, box_weight: float = 0.25, threshold: float = 0.1) -> None:
        if temperature <= 0:
            raise ValueError(f'the temperature must be above 0, got {temperature:g}')
        self.temperature, self.box_weight, self.threshold = temperature, box_weight, threshold

    def __call__(self, merged: Any, expert: Any) -> Tensor:
        """Scalar, summed over tasks.

        Args:
            merged, expert: CenterHead's raw outputs (logits) in any of its list forms.
        """
        return torch.stack([self._task(ours, theirs) for ours, theirs in zip(head_tasks(merged), head_tasks(expert))]
                           ).sum()

    def _task(self, ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> Tensor:
        peak = theirs['heatmap'].sigmoid().amax(dim=1, keepdim=True)
        sure = torch.where(peak > self.threshold, peak, 0.0)
        total = bernoulli_divergence(ours['heatmap'], theirs['heatmap'], self.temperature).sum()
        if self.box_weight:
            branches = [name for name in theirs if name != 'heatmap']
            total = total + self.box_weight * sum(((ours[name] - theirs[name]).abs() * sure).sum() for name in branches)
        return total / sure.sum().clamp(min=1.0)


def part_of(outputs: Any, first: int, last: int) -> list[dict[str, Tensor]]:
    """The samples ``first`` to ``last`` (not included) of a head's outputs."""
    tasks: Sequence[Mapping[str, Tensor]] = head_tasks(outputs)
    return [{name: value[first:last] for name, value in task.items()} for task in tasks]
