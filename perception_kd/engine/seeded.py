"""Samples whose random draws depend on their place in the training alone.

Augmentation draws from the process's generators. In loader workers these run on from sample to sample, so that
what is drawn depends on how many workers there are, on how far they have read ahead, and on when a run was
stopped. Here every sample has a seed of its own, made of the run's seed, the epoch and the place in the order
of the data: any number of workers, and a run resumed in the middle of an epoch, draw the same.
"""

from __future__ import annotations

from typing import Any

from mmengine.registry import DATASETS
from torch.utils.data import Dataset

from perception_kd.datasets.sample_epoch import made_for
from perception_kd.engine.random_state import random_draws


class SeededIndex(int):
    """Index of a sample that carries the seed of its draws, and the epoch if it is of a training, to where the sample
    is made.
    """

    seed: tuple[int, ...]
    epoch: int | None

    def __new__(cls, index: int, seed: tuple[int, ...], epoch: int | None = None) -> SeededIndex:
        self = super().__new__(cls, index)
        self.seed, self.epoch = seed, epoch
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return SeededIndex, (int(self), self.seed, self.epoch)


class SeededDataset(Dataset):
    """A data set that obeys the seeds of :class:`SeededIndex`; for everything else it is the one inside.

    Args:
        dataset: The data set, or its config.
    """

    def __init__(self, *, dataset: Dataset | dict[str, Any]) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset

    def __getitem__(self, index: int) -> Any:
        """The sample; the generators of this process are as they were afterwards."""
        if not isinstance(index, SeededIndex):
            return self.dataset[index]
        with random_draws(index.seed), made_for(index.epoch):
            return self._placed(self.dataset[int(index)], int(index))

    def _placed(self, sample: Any, index: int) -> Any:
        """Inside of a wrapper a sample knows its place in the inner data set; samplers need the one in the wrapper."""
        packed = sample.get('data_samples') if isinstance(sample, dict) else None
        wrapped = hasattr(self.dataset, 'dataset') or hasattr(self.dataset, 'datasets')
        if wrapped and 'index' in getattr(packed, 'metainfo', ()):
            # One that stands for a corrupt sample lies anywhere.
            packed.set_metainfo({'index': None if packed.metainfo.get('replaced') else index})
        return sample

    def __len__(self) -> int:
        return len(self.dataset)

    def __getattr__(self, name: str) -> Any:
        # torch asks for `__getitems__`, which would pass by the seeds; copying asks before `dataset` is there.
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)
