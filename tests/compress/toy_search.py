"""A model of two blocks, its data, metric and search space, neither stereo nor 3D; and a clock that counts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseDataPreprocessor, BaseModel
from torch import Tensor, nn

from perception_kd.compress.search.space import SearchSpace
from perception_kd.registry import DATASETS, METRICS, MODELS, SEARCH_SPACES

CHANNELS = 4
CONFIG = """
default_scope = 'perception_kd'
data_root = 'somewhere'
model = dict(type='ToySearchNet', blocks=dict(a=dict(width=16, depth=3), b=dict(width=16, depth=3)))
train_dataloader = dict(batch_size=4, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=True),
                        dataset=dict(type='ToySearchData', data_root='${data_root}', ann_file='train', length=24))
val_dataloader = dict(batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                      dataset=dict(type='ToySearchData', data_root='${data_root}', ann_file='val', length=4))
test_dataloader = dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
                       dataset=dict(type='ToySearchData', data_root='${data_root}', ann_file='test', length=4))
val_evaluator = dict(type='ToySearchMetric')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=0.01))
default_hooks = dict(logger=dict(type='LoggerHook', interval=50))
train_cfg = dict(by_epoch=True, max_epochs=1)
randomness = dict(seed=0)
search = dict(space=dict(type='ToySearchSpace'), metric='gap', better='lower', iterations=4, candidates=2,
              latency=dict(runs=2, warm_up=0), validation=dict(count=4), top=2)
"""


class CountedConv(nn.Conv2d):
    """Adds its multiply-accumulates to ``done``."""

    done = 0.0

    def forward(self, x: Tensor) -> Tensor:
        """As a convolution's."""
        out = super().forward(x)
        CountedConv.done += out.numel() * self.weight[0].numel()
        return out


class CountingClock:
    """Stands for a clock: a thousand multiply-accumulates take a second, whatever else the machine does."""

    def __init__(self, device: str) -> None:
        self.device = device

    def measure(self, call: Callable[[], Any]) -> dict[str, float]:
        """Seconds of a call."""
        CountedConv.done = 0.0
        call()
        return dict(total=CountedConv.done / 1e3)


def chain(width: int, depth: int) -> nn.Sequential:
    """Convolutions from ``CHANNELS`` to ``CHANNELS``."""
    widths = [CHANNELS, *[width] * (depth - 1), CHANNELS]
    layers = [layer for before, after in pairwise(widths)
              for layer in (CountedConv(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU())]
    return nn.Sequential(*layers[:-2])


@MODELS.register_module()
class ToySearchNet(BaseModel):
    """Two blocks after one another."""

    def __init__(self, *, blocks: Mapping[str, Mapping[str, int]], data_preprocessor: dict | None = None) -> None:
        super().__init__(data_preprocessor or BaseDataPreprocessor())
        self.blocks = nn.ModuleDict({name: chain(**spec) for name, spec in blocks.items()})

    def forward(self, inputs: list[Tensor], data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """The map; in mode ``predict`` a sample a picture."""
        maps = torch.stack(list(inputs))
        for block in self.blocks.values():
            maps = block(maps)
        return maps if mode == 'tensor' else [dict(made=one, truth=two) for one, two in zip(maps, data_samples)]


@DATASETS.register_module()
class ToySearchData(BaseDataset):
    """Noise, by the seed of a sample; the truth is another noise."""

    def __init__(self, *, length: int, **kwargs: Any) -> None:
        self.length = length
        super().__init__(serialize_data=False, **kwargs)

    def _join_prefix(self) -> None:
        """There is no file."""

    def load_data_list(self) -> list[dict]:
        """Seeds."""
        return [dict(seed=number) for number in range(self.length)]

    def prepare_data(self, index: int) -> dict[str, Any]:
        """One sample."""
        seed = self.get_data_info(index)['seed']
        draw = torch.Generator().manual_seed(1000 * len(self.ann_file) + seed)
        return dict(inputs=torch.randn(CHANNELS, 8, 8, generator=draw), data_samples=torch.tensor([seed]))


@METRICS.register_module()
class ToySearchMetric(BaseMetric):
    """``toy/gap``: mean square of what the model makes."""

    default_prefix = 'toy'

    def process(self, data_batch: Any, data_samples: list[dict]) -> None:
        """Keep what was made."""
        self.results += [float((one['made'] - 0.1).square().mean()) for one in data_samples]

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """Figures."""
        return dict(gap=float(np.mean(results)), count=len(results))


@SEARCH_SPACES.register_module()
class ToySearchSpace(SearchSpace):
    """Other widths and depths."""

    def __init__(self) -> None:
        super().__init__(blocks=dict(a='blocks.a', b='blocks.b'))

    def draw(self, block: str, rng: np.random.Generator, teacher: nn.Module) -> dict[str, int]:
        """A width and a depth."""
        return dict(width=int(rng.integers(2, 20)), depth=int(rng.integers(1, 4)))

    def build(self, block: str, spec: Mapping[str, int], teacher: nn.Module) -> nn.Module:
        """The convolutions."""
        return chain(**spec)

    def apply(self, model_config: Mapping[str, Any], choice: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
        """The model with other blocks."""
        return {**model_config, 'blocks': {**model_config['blocks'], **choice}}


def write_toy(folder: Path, text: str = CONFIG) -> tuple[Path, Path]:
    """Config and checkpoint of a teacher."""
    torch.manual_seed(0)
    net = MODELS.build(dict(type='ToySearchNet', blocks={name: dict(width=16, depth=3) for name in 'ab'}))
    config, checkpoint = folder / 'toy.py', folder / 'teacher.pth'
    config.write_text(text)
    torch.save(dict(state_dict=net.state_dict()), checkpoint)
    return config, checkpoint


@contextlib.contextmanager
def counting_time() -> Iterator[None]:
    """Latency is counted inside, not taken."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr('perception_kd.compress.search.latency.StageClock', CountingClock)
        yield
