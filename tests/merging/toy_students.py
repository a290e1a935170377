"""A config file of toy students with toy data, for jobs that begin with files."""

from __future__ import annotations

import copy
from pathlib import Path

import torch
from torch.utils.data import Dataset

from tests.distill.toys import ToyStudent, toy_sample

CONFIG = """
default_scope = 'perception_kd'
split = 'a'
model = dict(type='ToyStudent', dropout=0.0)
train_dataloader = dict(batch_size=2, dataset=dict(type='ToyData', ann_file='${split}'))
test_dataloader = dict(dataset=dict(type='ToyData', ann_file='test', pipeline=[]))
"""


class ToyData(Dataset):
    """Six samples, others for each ``ann_file``."""

    def __init__(self, *, ann_file: str, pipeline: list | None = None) -> None:
        self.first = 10 * ord(ann_file[0])

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> dict:
        inputs, sample = toy_sample(self.first + index)
        return dict(inputs=inputs, data_samples=sample)


def write_students(folder: Path) -> dict[str, Path]:
    """Config, base and two experts as files."""
    (folder / 'config.py').write_text(CONFIG)
    torch.manual_seed(0)
    base = ToyStudent(dropout=0.0)
    models = dict(base=base)
    for name in ('day', 'night'):
        models[name] = copy.deepcopy(base)
        with torch.no_grad():
            for value in models[name].state_dict().values():
                value.add_((0.1 * torch.rand_like(value)) if value.is_floating_point() else 7)
    for name, model in models.items():
        torch.save(model.state_dict(), folder / f'{name}.pth')
    return {name: folder / f'{name}.pth' for name in models} | dict(config=folder / 'config.py')
