"""What a step's losses amount to: shares, and the cause of a value that is not finite."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from mmengine import dist
from torch import Tensor

from perception_kd.distill.batch import DistillBatch, sample_name
from perception_kd.distill.nested import tensors_of
from perception_kd.distill.pair import Pair

PREFIX = 'loss_distill.'


class NonFiniteLoss(ValueError):
    """A loss became NaN or infinite; the message names the loss, its taps and the samples."""


class MetElsewhere(NonFiniteLoss):
    """Another process met the value; the samples of this one are not to blame."""


def loss_sizes(losses: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Magnitude of every loss of a step's log, without mmengine's sum ``loss`` and without what is no loss."""
    return {key: abs(float(value.detach() if isinstance(value, Tensor) else value))
            for key, value in losses.items() if 'loss' in key and key != 'loss'}


def detection_loss(losses: Mapping[str, Tensor | float]) -> float:
    """Sum of the magnitudes of the student's own losses without those of depth."""
    sizes = loss_sizes(losses)
    return sum(size for key, size in sizes.items() if not key.startswith(PREFIX) and 'depth' not in key)


def loss_shares(losses: Mapping[str, Tensor | float]) -> dict[str, float]:
    """Share of every pair, and of the student's task losses (``task``), in the sum of the magnitudes of all
    losses.

    Args:
        losses: A step's log: mmengine's ``loss`` (the sum) is left out, as is every key without ``loss``.
    """
    sizes = loss_sizes(losses)
    total = sum(sizes.values())
    shares = {key.removeprefix(PREFIX): size for key, size in sizes.items() if key.startswith(PREFIX)}
    shares['task'] = total - sum(shares.values())
    return {name: share / total if total > 0 else 0.0 for name, share in shares.items()}


def check_finite(losses: Mapping[str, Any], pairs: Iterable[Pair], batch: DistillBatch) -> None:
    """Stop before the backward pass if a loss is not finite; one synchronisation with the device a step.

    Raises:
        NonFiniteLoss: Also in the other processes of a distributed run, which would wait for ever.
    """
    names, parts = zip(*((key, part.detach()) for key, value in losses.items() for part in tensors_of(value)))
    fine = torch.stack([torch.isfinite(part).all() for part in parts])
    everywhere = fine.all().float()
    if dist.get_world_size() > 1:
        dist.all_reduce(everywhere, 'min')
    if bool(everywhere):
        return
    bad = sorted({name for name, good in zip(names, fine.tolist()) if not good})
    if not bad:
        raise MetElsewhere('another process met a loss that is not finite')
    causes = [_cause(pair, batch) for pair in pairs if PREFIX + pair.name in bad]
    samples = ', '.join(sample_name(sample, index) for index, sample in enumerate(batch.data_samples))
    causes += _bad_inputs(batch)
    raise NonFiniteLoss(
        f'not finite: {", ".join(bad)}. {" ".join(causes) or f"Samples of the batch: {samples}."}'
    )


def _bad_inputs(batch: DistillBatch) -> list[str]:
    """Inputs that were not finite to begin with: batch norm spreads one bad sample over all of its batch."""
    causes = []
    for key, values in batch.inputs.items() if isinstance(batch.inputs, Mapping) else ():
        tensors = [value if isinstance(value, Tensor) else torch.zeros(()) for value in values]
        rows = [row for row, value in enumerate(tensors) if not bool(torch.isfinite(value).all())]
        if rows:
            samples = ', '.join(_name_of_row(row, batch) for row in rows)
            causes.append(f"inputs['{key}'] are not finite in sample {samples}.")
    return causes


def _cause(pair: Pair, batch: DistillBatch) -> str:
    """Which of a pair's two taps holds the value that is not finite, and in which samples."""
    for side, name, taps in (
        ('student', pair.student.name, batch.student_taps),
        ('teacher', pair.teacher.name, batch.teacher_taps),
    ):
        rows = sorted(set().union(*(_bad_rows(tensor) for tensor in tensors_of(taps[name]))))
        if rows:
            samples = ', '.join(_name_of_row(row, batch) for row in rows)
            return f"Pair '{pair.name}': {side} tap '{name}' is not finite in sample {samples}."
    samples = ', '.join(sample_name(sample, index) for index, sample in enumerate(batch.data_samples))
    return (
        f"Pair '{pair.name}': both taps ('{pair.student.name}', '{pair.teacher.name}') are finite, "
        f'its connector, mask or loss is not; samples {samples}.'
    )


def _bad_rows(tensor: Tensor) -> set[int]:
    finite = (
        torch.isfinite(tensor.detach()).flatten(1).all(dim=1) if tensor.dim() > 1 else torch.isfinite(tensor)
    )
    return set((~finite).nonzero().flatten().tolist())


def _name_of_row(row: int, batch: DistillBatch) -> str:
    return sample_name(batch.data_samples[row], row) if row < batch.size else f'row {row}'
