"""One model on one sample: what its pairs compare, and what its student makes of the sensors."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from perception_kd.distill import DistillBatch, Distiller
from perception_kd.distill.class_maps import class_logits
from perception_kd.distill.masks import IntensityMap
from perception_kd.distill.pair import Compared, Pair
from perception_kd.distill.rng import private_rng
from perception_kd.distill.taps import TapRecorder
from perception_kd.structures import BEVGrid, TapSpec, annotated_rows

LIDAR_RETURN = 'lidar_return'
"""Name of the map of LiDAR returns among the student's, though no tap of it."""
EMPTY_IS_ZERO = ('camera_bev',)
"""Taps that are 0 where no sensor looks: their strength is shown as it is."""
Values = NDArray[np.float32]
"""``(ny, nx)``."""


@dataclass(frozen=True)
class PairView:
    """A pair on one sample; maps ``(ny, nx)`` on ``grid``, means over the firings of its taps.

    Args:
        grid: Of the teacher's tap.
        teacher, student: How strong a cell is in what the loss compares: root mean square over the channels, of heads
            the probability of the likeliest class.
        distance: How far the two are apart in a cell, times the mask: root mean square over the channels of their
            difference, of heads the largest difference of a class' probabilities. None where channels differ.
        mask, scale: The pair's; None without.
        loss: Its value without the weight.
    """

    grid: BEVGrid
    teacher: Values
    student: Values
    distance: Values | None
    mask: Values | None
    scale: Values | None
    loss: float


@dataclass(frozen=True)
class Observation:
    """One model on one sample.

    Args:
        pairs: By name, those that compare BEV maps.
        left_out: Names of the other pairs, and why.
        student: Maps of the student's BEV taps by name: of one channel as they are, else how far a cell stands out
            (:func:`standing_out`; of ``EMPTY_IS_ZERO`` how strong it is), of a head the probability of the likeliest
            class. Beside them ``LIDAR_RETURN``, the return intensity by cell as IMKD's pairs weigh by it, where the
            sample has LiDAR points with intensities.
        specs: Declarations of these.
    """

    pairs: dict[str, PairView]
    left_out: dict[str, str]
    student: dict[str, Values]
    specs: dict[str, TapSpec]


def observe(model: nn.Module, data: Mapping[str, Any], teacher_taps: Mapping[str, Any] | None = None) -> Observation:
    """Run a model on one sample without gradient.

    Batch norms use the statistics of the sample itself, as those of the batch while training, so that a model before
    and after training are seen alike; everything else is as at inference. The model is left as it was.

    Args:
        model: A distiller, or a bare model with ``tap_specs()``.
        data: ``inputs`` and ``data_samples`` of one sample, not collated, on the model's device.
        teacher_taps: What :func:`run_teachers` gave for this sample; None: the teachers run.

    Raises:
        ValueError: the model has no taps.
    """
    student = getattr(model, 'student', model)
    if not hasattr(student, 'tap_specs'):
        raise ValueError(f'{type(student).__name__} declares no taps (tap_specs), so there are no maps to draw')
    specs, pairs = student.tap_specs(), getattr(model, 'pairs', {})
    if teacher_taps is None:
        teacher_taps = run_teachers(model, data)
    with torch.no_grad(), own_statistics(model):
        taps = _student_taps(student, specs, data)
        batch = DistillBatch(
            **data, student_taps=taps, teacher_taps=teacher_taps, device=model.data_preprocessor.device,
            functions=model.teachers.function if pairs else DistillBatch.functions)
        left_out = {name: why for name, pair in pairs.items() if (why := _why_not(pair, batch))}
        seen = {name: _view(pair, batch) for name, pair in pairs.items() if name not in left_out}
    drawn = {name: spec for name, spec in specs.items() if name in taps and spec.grid is not None}
    last = {name: taps[name][-1] if spec.call == 'all' else taps[name] for name, spec in drawn.items()}
    maps = {name: _numbers((strength if name in EMPTY_IS_ZERO else standing_out)(value))
            for name, value in last.items()}
    if drawn and 'points' in data['inputs']:
        spec = TapSpec(LIDAR_RETURN, 'bev', 1, 'largest return intensity of a cell', grid=_finest(drawn.values()))
        returns = _numbers(IntensityMap()(batch.on(spec.grid)))
        if returns.any():
            maps, drawn = {LIDAR_RETURN: returns, **maps}, {LIDAR_RETURN: spec, **drawn}
    return Observation(seen, left_out, maps, drawn)


def run_teachers(model: nn.Module, data: Mapping[str, Any]) -> dict[str, Any]:
    """Every teacher tap that the pairs with BEV maps read, by ``teacher.tap``; nothing for a bare model."""
    if not isinstance(model, Distiller) or not model.pairs:
        return {}
    wanted = set().union(*(pair.teacher_taps for pair in model.pairs.values()))
    with private_rng('teachers', 0):
        return model.teachers.run(data['inputs'], data['data_samples'], wanted)


def strength(value: Any) -> Tensor:
    """``(B, 1, ny, nx)``: one channel as it is, root mean square over several; of a head the probability of the
    likeliest class.
    """
    if not isinstance(value, Tensor):
        return class_logits(value).float().sigmoid().amax(dim=1, keepdim=True)
    return value.float() if value.shape[1] == 1 else value.float().square().mean(dim=1, keepdim=True).sqrt()


def standing_out(value: Any) -> Tensor:
    """As :func:`strength`, of several channels about their means over the map: a fuser that normalises the channels of
    every cell makes all cells equally strong.
    """
    if isinstance(value, Tensor) and value.shape[1] > 1:
        value = value.float() - value.float().mean(dim=(2, 3), keepdim=True)
    return strength(value)


@contextmanager
def own_statistics(model: nn.Module) -> Iterator[None]:
    """A block in which batch norms over maps use, and do not keep, the statistics of what they see; else as in eval."""
    modes = [(module, module.training) for module in model.modules()]
    norms = [module for module in model.modules()
             if isinstance(module, _BatchNorm) and not isinstance(module, nn.BatchNorm1d)]
    kept = [(norm.momentum, norm.num_batches_tracked) for norm in norms]
    model.eval()
    for norm in norms:
        norm.training, norm.momentum = True, 0.0
        norm.num_batches_tracked = None  # else it is counted up in place
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, kept):
            norm.momentum, norm.num_batches_tracked = momentum, count
        model.train(modes[0][1])  # lets go of what is kept for inference
        for module, mode in modes:
            module.training = mode


def _finest(specs: Iterable[TapSpec]) -> BEVGrid:
    return min((spec.grid for spec in specs), key=lambda grid: grid.cell)


def _student_taps(student: nn.Module, specs: Mapping[str, TapSpec], data: Mapping[str, Any]) -> dict[str, Any]:
    with TapRecorder(calls={name: spec.call for name, spec in specs.items()}) as recorder:
        copied = dict(inputs=dict(data['inputs']), data_samples=list(data['data_samples']))
        student(**student.data_preprocessor(copied, False), mode='tensor')
    return recorder.collect()


def _why_not(pair: Pair, batch: DistillBatch) -> str:
    """Why there is nothing to draw of a pair; '' where there is."""
    if pair.teacher.grid is None:
        return f'it compares {pair.teacher.name}, which is no BEV map'
    if pair.needs_boxes and not annotated_rows(batch.data_samples):
        return 'it needs true boxes, and the sample is not annotated'
    return ''


def _view(pair: Pair, batch: DistillBatch) -> PairView:
    with private_rng(pair.name, 0):
        seen = pair.compared(batch)
        losses = [pair.loss(one.student, one.teacher, weight=one.mask, scale=one.scale, batch=one.batch)
                  for one in seen]
    sides = [_sides(pair, one) for one in seen]
    mask, scale = seen[0].mask, seen[0].scale
    gaps = [_distance(ours, theirs) for ours, theirs in sides]
    apart = None if any(gap is None for gap in gaps) else _mean(gaps) * (1 if mask is None else mask)
    return PairView(
        pair.teacher.grid, _numbers(_mean([strength(theirs) for _, theirs in sides])),
        _numbers(_mean([strength(ours) for ours, _ in sides])), *(
            None if one is None else _numbers(one) for one in (apart, mask, scale)),
        float(sum(losses)) / len(losses))


def _sides(pair: Pair, one: Compared) -> tuple[Any, Any]:
    if pair.teacher.kind == 'head':
        return one.student, one.teacher
    return pair.loss.sides(one.student, one.teacher, weight=one.mask, scale=one.scale)


def _distance(ours: Any, theirs: Any) -> Tensor | None:
    """``(B, 1, ny, nx)``; None where the channels differ."""
    if not isinstance(ours, Tensor):
        ours, theirs = (class_logits(value).float().sigmoid() for value in (ours, theirs))
        return (ours - theirs).abs().amax(dim=1, keepdim=True) if ours.shape == theirs.shape else None
    return strength(ours - theirs).abs() if ours.shape == theirs.shape else None


def _mean(maps: list[Tensor]) -> Tensor:
    return torch.stack(maps).mean(dim=0)


def _numbers(value: Tensor) -> Values:
    return value.detach()[0].mean(dim=0).float().cpu().numpy()
