"""Samples of a split as training loads them, without its augmentation."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseDataPreprocessor
from mmengine.registry import init_default_scope
from numpy.typing import NDArray

from perception_kd.engine.build import naming_config, require
from perception_kd.engine.quiet import without_augmentation
from perception_kd.registry import DATASETS
from perception_kd.visualization.boxes import Boxes, in_frame
from perception_kd.visualization.frame import Frame
from perception_kd.visualization.geometry import ground_outline
from perception_kd.visualization.sources import InfoFile


@dataclass(frozen=True)
class Sample:
    """One key frame.

    Args:
        frame: Its names, poses and truth (no LiDAR is read for it).
        number: Its place in the split.
        data: ``inputs`` and ``data_samples`` of a batch of one, as loaded: lists over samples.
        grid2ego: (4, 4) from the frame of the BEV maps to the vehicle's.
    """

    frame: Frame
    number: int
    data: dict[str, Any]
    grid2ego: NDArray[np.float64]

    @property
    def outlines(self) -> NDArray[np.float64]:
        """(N, 4, 2) ground corners of the true boxes that a sensor measured, vehicle's frame, m."""
        truth: Boxes = self.frame.truth.take(self.frame.truth.measured)
        return ground_outline(in_frame(truth, self.frame.lidar2ego))[..., :2]


class SampleSource:
    """The samples of one split.

    Args:
        cfg: With ``train_dataloader`` (what is loaded) and the loader of the split (from where).
        split: ``train``, ``val`` or ``test``.

    Raises:
        FileNotFoundError, ValueError: the split's info file is missing, or the config has no such loader.
    """

    def __init__(self, cfg: Config, split: str = 'val') -> None:
        loader = f'{split}_dataloader'
        require(cfg, 'train_dataloader', loader)
        init_default_scope(cfg.get('default_scope', 'perception_kd'))
        settings, place = _innermost(cfg.train_dataloader.dataset), _innermost(cfg[loader].dataset)
        for key in ('labelled', 'indices', 'max_corrupt'):
            settings.pop(key, None)
        settings.update(ann_file=place.ann_file, data_root=place.data_root, test_mode=True,
                        pipeline=without_augmentation(settings.pipeline))
        with naming_config(cfg):
            self.dataset = DATASETS.build(settings)
        self.infos = InfoFile(self.dataset.ann_file, place.data_root)

    def __len__(self) -> int:
        return len(self.dataset)

    def spread(self, count: int) -> list[int]:
        """``count`` places spread evenly over the split; all, where it has no more."""
        return sorted({int(place) for place in np.linspace(0, len(self) - 1, min(count, len(self))).round()})

    def number(self, sample: str | int) -> int:
        """The place of a sample that is named by token or place.

        Raises:
            ValueError: no such sample.
        """
        token = self.infos.find(sample)['token']
        return next(place for place, info in enumerate(self.infos.data_list) if info['token'] == token)

    def load(self, number: int, device: torch.device | str = 'cpu') -> Sample:
        """Read a sample, and move it to a device; models preprocess it themselves."""
        data = BaseDataPreprocessor().to(torch.device(device))(pseudo_collate([self.dataset[number]]))
        meta = data['data_samples'][0].metainfo
        frame = self.infos.frame(number, lidar=False)
        return Sample(frame, number, data, np.asarray(meta['lidar2ego'], np.float64))


def _innermost(settings: Any) -> Any:
    """The config of the data set inside wrappers; the first of several that are joined."""
    settings = copy.deepcopy(settings)
    while 'pipeline' not in settings and ('dataset' in settings or 'datasets' in settings):
        settings = settings['dataset'] if 'dataset' in settings else settings['datasets'][0]
    return settings
