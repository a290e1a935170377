"""Samples whose transforms may ask for other samples: what mosaics and pasted targets are made of."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from mmengine.dataset import Compose
from torch.utils.data import Dataset

from perception_kd.registry import DATASETS, TRANSFORMS

_TRIES = 20  # samples looked at for one with targets


@DATASETS.register_module()
class WithOtherPictures(Dataset):
    """A data set, and a pipeline behind its own that sees ``other``, a function which draws another sample.

    ``other(with_targets=True)`` looks, without reading pictures, for one that has boxes that are not ignored. Unlike
    mmdet's ``MultiImageMixDataset``, nothing is read that no transform asks for. Files that the inner data set found
    broken and replaced are told of the sample that asked.

    Args:
        dataset: The data set inside, or its config; its pipeline loads pictures and boxes and packs nothing.
        pipeline: Transforms, or their configs.
    """

    def __init__(self, *, dataset: Dataset | dict[str, Any], pipeline: Sequence[Any]) -> None:
        self.dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
        self.pipeline = Compose([TRANSFORMS.build(one) if isinstance(one, dict) else one for one in pipeline])

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        """The sample after both pipelines."""
        results = self.dataset[index]
        results['other'] = partial(self._other, results)
        results = self.pipeline(results)
        results.pop('other', None)
        return results

    def _other(self, asking: dict[str, Any], with_targets: bool = False) -> dict[str, Any]:
        index = int(np.random.randint(len(self)))
        for _ in range(_TRIES if with_targets else 0):
            instances = self.dataset.get_data_info(index).get('instances', ())
            if any(not one.get('ignore_flag') for one in instances):
                break
            index = int(np.random.randint(len(self)))
        results = self.dataset[index]
        if results.get('replaced'):
            asking['replaced'] = [*asking.get('replaced', ()), *results['replaced']]
        return results

    def __getattr__(self, name: str) -> Any:
        # Copying and pickling ask before `dataset` is there; torch asks for `__getitems__`.
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)
