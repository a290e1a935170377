"""Which augmentations a cache allows. A mirrored map is not the map of a mirrored world, so none is ever moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from perception_kd.distill.batch import DistillBatch, sample_name
from perception_kd.distill.teacher_cache.key import same_matrix, world_matrix

Mode = Literal['off', 'states', 'live']


class AugmentationRule:
    """Says of a sample whether the cache serves it.

    Args:
        mode: ``off``: an augmented sample is an error; ``states``: so is one in another state than those listed;
            ``live``: the teacher runs for augmented samples.
        states: Of ``states``: arguments of :func:`~perception_kd.datasets.transforms.bev_aug.bev_matrix`, as BEVAug's.
    """

    def __init__(self, *, mode: Mode, states: Sequence[Mapping[str, Any]] | None = None) -> None:
        if mode not in ('off', 'states', 'live'):
            raise ValueError(f"augmentation of a teacher cache is 'off', 'states' or 'live', got {mode!r}")
        if (mode == 'states') != bool(states):
            raise ValueError("a teacher cache needs states=[dict(...), ...] with augmentation='states', and only "
                             f'there; got {states!r} with {mode!r}')
        self.mode, self.states = mode, [dict(state) for state in states or [{}]]
        self._matrices = [_matrix(state) for state in self.states]

    def serves(self, one: DistillBatch, teacher: str) -> bool:
        """Whether the sample of a batch of one goes through the cache of ``teacher``.

        Raises:
            ValueError: it must not be augmented as it is, or does not say how it is.
        """
        seen = world_matrix(one)
        if any(same_matrix(seen, matrix) for matrix in self._matrices):
            return True
        if self.mode == 'live':
            return False
        allowed = 'the BEV must not be augmented' if self.mode == 'off' else 'the BEV must be in one of the states'
        raise ValueError(
            f"the cache of teacher '{teacher}' has augmentation='{self.mode}', so {allowed}, but sample "
            f'{sample_name(one.data_samples[0], 0)} is rotated, mirrored or scaled otherwise: give BEVAug the same '
            "states (bev_aug.states=[dict()] draws nothing), or set cache.augmentation='live'")


def _matrix(state: Mapping[str, Any]) -> list[float]:
    from perception_kd.datasets.transforms.bev_aug import state_matrix  # transforms need more than this package

    return state_matrix(state).flatten().tolist()
