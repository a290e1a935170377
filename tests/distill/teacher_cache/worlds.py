"""A distiller with one cached teacher of a few hundred weights, and samples as a cache wants them."""

from __future__ import annotations

from pathlib import Path

import torch

from perception_kd.distill import Distiller
from tests.distill.toys import ToyAdapter, ToyStudent, ToyTeacher, feature_pair, response_pair, toy_batch, toy_teacher

STAMP = dict(version='v1.0-toy', split='train', schema='s', box_convention='b')
MASK = dict(type='IntensityMap', norm='div255')
PAIRS = dict(feature=feature_pair(mask=MASK), response=response_pair())


def batch(*indices: int, **matrices: torch.Tensor) -> dict:
    """Toy samples by index with token, stamp and ``lidar_aug_matrix``: the identity, or ``t<index>=matrix``."""
    found = toy_batch(*indices)
    found['inputs']['lidar_aug_matrix'] = [matrices.get(f't{index}', torch.eye(4)) for index in indices]
    for sample in found['data_samples']:
        sample.set_metainfo(dict(stamp=dict(STAMP)))
    return found


def mirror() -> torch.Tensor:
    """``x -> -x``."""
    return torch.diag(torch.tensor([-1.0, 1, 1, 1]))


class CountingAdapter(ToyAdapter):
    """Says what it was asked; adds the images of a batch to ``seen``."""

    def __init__(self, model: ToyTeacher, seen: list) -> None:
        super().__init__(model)
        self.seen = seen

    def run(self, inputs: dict, data_samples: list, taps: set[str]) -> dict:
        self.seen += [(sample.token, sorted(inputs)) for sample in data_samples]
        return super().run(inputs, data_samples, taps)


def cached(folder: Path, seen: list | None = None, seed: int = 7, **cache) -> dict:
    """Config of a cached toy teacher; ``seen`` gets what its network is asked."""
    live = toy_teacher()
    if seed != 7:
        torch.manual_seed(seed)
        live['model'] = ToyTeacher()
    live['adapter'] = CountingAdapter(live['model'], [] if seen is None else seen)
    return dict(live, type='CachedTeacher', cache=dict(dict(folder=str(folder), reads=('img',)), **cache))


def distiller(teacher: dict, pairs: dict | None = None) -> Distiller:
    """The same student each time."""
    torch.manual_seed(3)
    return Distiller(student=ToyStudent(dropout=0.0), teachers=dict(lidar=teacher), pairs=pairs or PAIRS).train()


def step(model: Distiller, data: dict) -> tuple[dict[str, float], dict[str, torch.Tensor]]:
    """Losses and gradients of one step."""
    losses = model(**data, mode='loss')
    model.parse_losses(losses)[0].backward()
    grads = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    model.zero_grad()
    return {name: float(value) for name, value in losses.items() if 'distill' in name}, grads
