"""Data order that a resumed run continues exactly.

mmengine resumes by reading and throwing away every batch already seen (iteration-based), or repeats the whole
epoch (epoch-based, checkpoint in the middle). Here the sampler skips indices, which reads nothing, and gives
every index the seed of its sample's draws.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from mmengine.dataset import InfiniteSampler
from mmengine.dist import get_dist_info
from mmengine.registry import DATA_SAMPLERS
from torch.utils.data import Sampler

from perception_kd.engine.seeded import SeededIndex


class ResumableSampler(Sampler):
    """Any sampler, with a position: the next pass starts after ``skip`` indices, later passes at the start.

    Where the inner sampler has a seed, indices are :class:`SeededIndex`: what a sample draws follows from that
    seed, the epoch (``set_epoch``) and the place in the order of all processes.

    Args:
        inner: A sampler or its config.
        dataset: Passed to the inner sampler's constructor.
        seed: Passed to the inner sampler's constructor, if the config has none.
    """

    def __init__(self, *, inner: Sampler | dict, dataset: Any, seed: int | None = None) -> None:
        if isinstance(inner, dict):
            inner = DATA_SAMPLERS.build(inner, default_args=dict(dataset=dataset, seed=seed))
        self.inner = inner
        self.skip, self.epoch = 0, 0
        self._avoided: dict[int, int] = {}  # the last epoch, or draw of an endless sampler, in which it may come
        self._size = 0

    @property
    def endless(self) -> bool:
        """True if one pass never ends."""
        return isinstance(self.inner, InfiniteSampler)

    @property
    def seed(self) -> int | None:
        """Seed of the inner sampler's shuffling."""
        return getattr(self.inner, 'seed', None)

    @seed.setter
    def seed(self, value: int) -> None:
        if hasattr(self.inner, 'seed'):
            self.inner.seed = value

    def set_epoch(self, epoch: int) -> None:
        """Choose the shuffling and the draws of an epoch."""
        self.epoch = epoch
        if hasattr(self.inner, 'set_epoch'):
            self.inner.set_epoch(epoch)

    def avoid(self, index: int, last: int, size: int) -> None:
        """After epoch ``last`` draw another sample of the ``size`` of the data set in the place of ``index``.

        An endless sampler has one epoch: with it, ``last`` is the number of a process's draw.
        """
        self._avoided[index], self._size = last, size

    def __iter__(self) -> Iterator[int]:
        skip, self.skip = self.skip, 0
        # mmengine's endless sampler hands out one running generator; a fresh one starts at the beginning.
        indices = self.inner._indices_of_rank() if self.endless else iter(self.inner)
        indices = itertools.islice(indices, skip, None)
        return indices if self.seed is None else self._seeded(indices, skip, self.seed, self.epoch)

    def _seeded(self, indices: Iterator[int], first: int, seed: int, epoch: int) -> Iterator[int]:
        rank, world = get_dist_info()
        for place, index in enumerate(indices, first):
            draws, now = (seed, epoch, place * world + rank), place if self.endless else epoch
            if self._avoided.get(index, now) < now:
                index = another(draws, self._size, {one for one, last in self._avoided.items() if last < now})
            yield SeededIndex(index, draws, epoch)

    def __len__(self) -> int:
        return len(self.inner)


def another(seed: Sequence[int], size: int, avoided: set[int]) -> int:
    """An index below ``size`` that is not in ``avoided``, by a draw that follows from ``seed`` alone.

    Raises:
        ValueError: all are avoided.
    """
    rest = np.setdiff1d(np.arange(size), list(avoided))
    if not len(rest):
        raise ValueError('every sample of the data set is quarantined')
    return int(np.random.default_rng(list(seed)).choice(rest))
