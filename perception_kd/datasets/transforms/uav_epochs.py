"""Augmentation that ends before training does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose

from perception_kd.datasets.sample_epoch import sample_epoch
from perception_kd.registry import TRANSFORMS


@TRANSFORMS.register_module()
class BeforeLastEpochs(BaseTransform):
    """Some transforms until the last epochs, and others in them: this closes the mosaic.

    The epoch is told by the sample's own index (:mod:`perception_kd.datasets.sample_epoch`), not by a hook that would
    have to reach the copies of the data set in the loader's workers. So the change comes at the right sample with
    persistent workers, with samples read ahead, and in a run resumed on either side of it. An endless sampler, of
    training by iterations, knows one epoch only, the first.

    Args:
        transforms: Transforms, or their configs, of samples before the last epochs.
        otherwise: Those of the other samples.
        last: Number of the last epochs.
        max_epochs: Of the training.
        prob: Share of samples, before the last epochs, that get ``transforms``.

    Raises:
        ValueError: a number that is none.
    """

    def __init__(self, *, transforms: Sequence[Any], otherwise: Sequence[Any] = (), last: int, max_epochs: int,
                 prob: float = 1.0) -> None:
        if last < 0 or max_epochs < 1 or not 0 <= prob <= 1:
            raise ValueError(f'last is 0 or more epochs, max_epochs 1 or more and prob within 0..1, got {last}, '
                             f'{max_epochs} and {prob}')
        self.transforms, self.otherwise = _compose(transforms), _compose(otherwise)
        self.first_without, self.prob = max_epochs - last, prob

    def transform(self, results: dict[str, Any]) -> dict[str, Any] | None:
        """One of the two; samples that no training asks for are as those before the last epochs."""
        epoch = sample_epoch()
        closed = epoch is not None and epoch >= self.first_without
        return (self.otherwise if np.random.rand() >= self.prob or closed else self.transforms)(results)


def _compose(transforms: Sequence[Any]) -> Compose:
    return Compose([TRANSFORMS.build(one) if isinstance(one, dict) else one for one in transforms])
