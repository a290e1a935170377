"""A small training with everything that has state: dropout, batch norm, random data, EMA, a schedule."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.utils.data import Dataset

from perception_kd.engine.runner import BriefRunner


class TinyModel(BaseModel):
    """A regressor with dropout and batch norm; keeps the samples it was trained on."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.seen: list[list[int]] = []

    def forward(self, x: Tensor, index: Tensor, mode: str = 'tensor') -> Any:
        out = self.layers(x)
        if mode == 'loss':
            self.seen.append(index.tolist())
            return {'loss': ((out - x.sum(1, keepdim=True)) ** 2).mean()}
        return list(out)


class NoisyData(Dataset):
    """Samples with noise from all three generators."""

    metainfo = {'classes': ('car', 'bus'), 'palette': [(1, 2, 3)], 'weights': np.arange(3)}

    def __len__(self) -> int:
        return 12

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        noise = torch.rand(4) + random.random() + float(np.random.rand())
        return {'x': torch.full((4,), float(index)) / 12 + noise, 'index': torch.tensor(index)}


class RandomMetric(BaseMetric):
    """A metric that draws random numbers, as some do."""

    def process(self, data_batch: Any, data_samples: Any) -> None:
        self.results.append(float(torch.rand(1)))

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        return {'score': len(results) + random.random()}


def loader(batch_size: int, sampler: str, workers: int, shuffle: bool = True) -> dict[str, Any]:
    return dict(
        batch_size=batch_size,
        num_workers=workers,
        dataset=NoisyData(),
        sampler=dict(type=sampler, shuffle=shuffle),
        collate_fn=dict(type='default_collate'),
    )


def build(
    work_dir: Path,
    *,
    epochs: int | None = None,
    iters: int | None = None,
    sampler: str = 'DefaultSampler',
    workers: int = 0,
    persistent: bool = False,
    validate: bool = False,
    seed: int | None = 7,
    hook: dict[str, Any] | None = None,
    scheduler: dict[str, Any] | None = None,
    model: BaseModel | None = None,
    **settings: Any,
) -> BriefRunner:
    """A Runner over NoisyData (3 batches an epoch), not yet trained."""
    if epochs is not None:
        train_cfg = dict(by_epoch=True, max_epochs=epochs)
    else:
        train_cfg = dict(by_epoch=False, max_iters=iters, val_interval=4)
    parts: dict[str, Any] = {}
    if validate:
        parts = dict(
            val_dataloader=loader(4, 'DefaultSampler', 0, shuffle=False),
            val_cfg={},
            val_evaluator=dict(type=RandomMetric, prefix='m'),
        )
    build.count += 1
    return BriefRunner(
        model=model or TinyModel(),
        work_dir=str(work_dir),
        train_dataloader=dict(loader(4, sampler, workers), persistent_workers=persistent),
        train_cfg=train_cfg,
        optim_wrapper=dict(optimizer=dict(type='AdamW', lr=0.01), clip_grad=dict(max_norm=1.0)),
        param_scheduler=scheduler or dict(type='MultiStepLR', milestones=[1, 3], by_epoch=epochs is not None),
        custom_hooks=[dict(type='EMAHook')],
        default_hooks=dict(checkpoint=hook or dict(type='CheckpointHook', interval=1)),
        randomness=dict(seed=seed),
        experiment_name=f'tiny_{build.count}',
        log_level='ERROR',
        default_scope='perception_kd',
        **parts,
        **settings,
    )


build.count = 0


def final_state(runner: BriefRunner) -> dict[str, Tensor]:
    """Weights, averaged weights and optimiser state after training."""
    ema = next(hook for hook in runner.hooks if type(hook).__name__ == 'EMAHook').ema_model
    state = {f'model.{name}': value for name, value in runner.model.state_dict().items()}
    state |= {f'ema.{name}': value for name, value in ema.state_dict().items()}
    for index, slots in runner.optim_wrapper.optimizer.state_dict()['state'].items():
        state |= {f'optimiser.{index}.{name}': torch.as_tensor(value) for name, value in slots.items()}
    return state


def assert_same(first: BriefRunner, second: BriefRunner) -> None:
    """Bit for bit."""
    one, two = final_state(first), final_state(second)
    assert one.keys() == two.keys()
    different = [name for name in one if not torch.equal(one[name], two[name])]
    assert not different, different
    assert first.optim_wrapper.get_lr() == second.optim_wrapper.get_lr()
