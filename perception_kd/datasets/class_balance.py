"""Key frames with rare classes drawn more often than others."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  isort: skip

import numpy as np
from mmdet3d.datasets import CBGSDataset as MMDet3DCBGSDataset
from mmengine.dataset import BaseDataset
from mmengine.logging import print_log

from perception_kd.registry import DATASETS


@DATASETS.register_module()
class CBGSDataset(MMDet3DCBGSDataset):
    """mmdet3d's class-balanced sampling (Zhu et al., 2019), also where a class has no box: mmdet3d divides by zero.

    The classes that there are share the draws evenly; those that are not are named in the log.

    Args:
        dataset: The data set inside, or its config.
        lazy_init: Draw at the first use.

    Raises:
        ValueError: no key frame has a box of any class.
    """

    def _get_sample_indices(self, dataset: BaseDataset) -> list[int]:
        names = self.metainfo['classes']
        places: list[list[int]] = [[] for _ in names]
        for place in range(len(dataset)):
            for label in dataset.get_cat_ids(place):
                places[label].append(place)
        found = [own for own in places if own]
        where = f'{dataset.ann_file}: of {len(dataset)} key frames'
        if not found:
            raise ValueError(f'{where} none has a box of {", ".join(names)}: there is nothing to balance')
        if len(found) < len(names):
            absent = ', '.join(name for name, own in zip(names, places) if not own)
            print_log(f'{where} none has a box of {absent}: the other classes are balanced', logger='current')
        total, share = sum(map(len, found)), 1 / len(found)
        return [int(place) for own in found
                for place in np.random.choice(own, int(len(own) * (share / (len(own) / total))))]
