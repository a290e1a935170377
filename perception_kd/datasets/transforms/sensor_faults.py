"""Faults of sensors as a part of a pipeline: for tests of robustness, and as augmentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.faults.base import Fault, build_fault, generator
from perception_kd.faults.frame import FrameFaults
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class ApplyFaults(BaseTransform):
    """Let sensors fail; stands before everything that loads, and holds for past frames alike.

    It edits the infos and leaves ``faults``, which the loaders call with what they have read, so that everything after
    it sees what a faulty recording would show. ``ann_info`` stays: the truth does not fail.

    With a ``seed``, faults depend on seed, scene, file and sensor alone: they are the same for every model, pipeline,
    order and number of workers, and in every epoch. Without one they are drawn anew each time from NumPy's generator,
    which a training run seeds by run, epoch and place of the sample, so that a resumed run draws the same.

    Args:
        faults: Configs (``dict(type='Fog', severity='hard')``) or built ones, in the order in which they act.
        seed: Of all draws; None: drawn anew.
        prob: Chance that a sample has faults.
        draw: So many of ``faults``, drawn for each sample, keep their order and act; None: all.
    """

    def __init__(self, *, faults: Sequence[Mapping[str, Any] | Fault], seed: int | None = 0, prob: float = 1.0,
                 draw: int | None = None) -> None:
        self.faults = [build_fault(fault) for fault in faults]
        if not 0 <= prob <= 1:
            raise ValueError(f'ApplyFaults: prob must be in [0, 1], got {prob}')
        if draw is not None and not 0 <= draw <= len(self.faults):
            raise ValueError(f'ApplyFaults: draw must be 0 to {len(self.faults)}, the number of faults, got {draw}')
        self.seed, self.prob, self.draw = seed, prob, draw

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Copies and edits the infos of the frame and of ``past``; leaves ``faults`` in each."""
        key = ('drawn', np.random.randint(2**63, dtype=np.int64)) if self.seed is None else ('seed', self.seed)
        rng = generator(*key, 'sample', results['token'])
        if rng.random() >= self.prob:
            return results
        acting = range(len(self.faults))
        if self.draw is not None:
            acting = sorted(rng.choice(len(self.faults), self.draw, replace=False))
        faults = [self.faults[place] for place in acting]
        past = {'past': [self._edited(frame, faults, key) for frame in results['past']]} if 'past' in results else {}
        return {**self._edited(results, faults, key), **past}

    @staticmethod
    def _edited(frame: dict[str, Any], faults: Sequence[Fault], key: tuple) -> dict[str, Any]:
        return FrameFaults(faults, key, frame['scene_token']).edit(frame)
