"""Unlabelled samples of each expert, in an order that follows from a seed alone."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import numpy as np
from mmengine.config import Config
from mmengine.registry import DATASETS
from torch.utils.data import DataLoader

from perception_kd.engine.build import naming_config, require
from perception_kd.engine.seeded import SeededDataset, SeededIndex
from perception_kd.engine.training_data import training_data


def unlabelled(cfg: Config) -> dict[str, Any]:
    """The training frames of a config as it reads them in testing: no labels, no LiDAR for teachers, no augmentation.

    Raises:
        ValueError: The config has no two loaders, or its training data are not those of one info file.
    """
    require(cfg, 'train_dataloader', 'test_dataloader')
    train, test = training_data(cfg, 'ann_file'), cfg.test_dataloader.dataset
    if 'ann_file' not in train or 'pipeline' not in test:
        raise ValueError(f'config {cfg.filename}: unlabelled frames are those of the ann_file of train_dataloader, '
                         'read by the pipeline of test_dataloader; it lacks one of them')
    dataset = copy.deepcopy(dict(test))
    dataset.pop('indices', None)
    dataset.update({key: train[key] for key in ('ann_file', 'data_root', 'indices') if key in train})
    return dataset


class SampleStream:
    """Batches without end, every sample once before any comes again.

    Args:
        cfg: A config with training and test loaders.
        batch_size: Samples a batch.
        seed: Whole numbers that decide the order.
        workers: Processes that read ahead; 0: none.

    Raises:
        ValueError: No sample, or nothing can be built from the config.
    """

    def __init__(self, *, cfg: Config, batch_size: int, seed: tuple[int, ...], workers: int = 0) -> None:
        with naming_config(cfg):
            self.dataset = SeededDataset(dataset=DATASETS.build(unlabelled(cfg)))
        if not len(self.dataset):
            raise ValueError(f'config {cfg.filename}: its training split has no samples')
        self.batch_size, self._seed, self._workers = batch_size, seed, workers
        self._turn, self._order = -1, np.arange(0)

    def batches(self, first: int, last: int) -> Iterator[list[Any]]:
        """Batches number ``first`` to ``last`` (not included), each a list of samples, not collated."""
        loader = DataLoader(self.dataset, batch_sampler=[self._indices(batch) for batch in range(first, last)],
                            collate_fn=_as_it_is, num_workers=self._workers)
        return iter(loader)

    def once(self, most: int) -> Iterator[list[Any]]:
        """So many batches, but no more than one pass over the data."""
        return self.batches(0, min(most, -(-len(self.dataset) // self.batch_size)))

    def _indices(self, batch: int) -> list[SeededIndex]:
        size, chosen = len(self.dataset), []
        for place in range(batch * self.batch_size, (batch + 1) * self.batch_size):
            turn, within = divmod(place, size)
            if turn != self._turn:
                self._turn, self._order = turn, np.random.default_rng([*self._seed, turn]).permutation(size)
            chosen.append(SeededIndex(int(self._order[within]), (*self._seed, place)))
        return chosen


def _as_it_is(samples: list[Any]) -> list[Any]:
    return samples
