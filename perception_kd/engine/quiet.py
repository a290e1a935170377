"""A training pipeline without anything drawn at random."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

QUIET: dict[str, dict[str, Any]] = dict(
    ImageAug=dict(training=False, resize_lim=None, flip_prob=0.0), BEVAug=dict(states=[dict()]),
    LoadRadarSweeps=dict(draw_sweeps=None, drop_points=0.0), ApplyFaults=dict(prob=0.0))
"""By transform: the arguments with which it draws nothing."""
_LEFT_OUT = ('PasteObjects',)


def without_augmentation(pipeline: Sequence[Mapping[str, Any]]) -> list[Any]:
    """A copy of a pipeline's config that loads what training loads, and as it is.

    Args:
        pipeline: Configs of transforms, also of transforms that hold others (``transforms``, ``faults``).
    """
    return [_quieted(copy.deepcopy(step)) for step in pipeline if step.get('type') not in _LEFT_OUT]


def _quieted(step: Any) -> Any:
    step.update(copy.deepcopy(QUIET.get(step.get('type'), {})))
    if isinstance(step.get('faults'), Mapping):
        step['faults'] = _quieted(step['faults'])
    if 'transforms' in step:
        step['transforms'] = without_augmentation(step['transforms'])
    return step
