"""Accumulated gradients: two batches of one are a batch of two, and an epoch keeps its gradients to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from torch import Tensor, nn
from torch.utils.data import Dataset

from perception_kd.engine.runner import BriefRunner

COUNT = 5


class Points(Dataset):
    """Five points in four dimensions."""

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {'x': torch.sin(torch.arange(4.0) + 1.7 * index), 'y': torch.tensor(float(index % 3))}


class Plain(BaseModel):
    """A loss that is a plain mean over samples; no batch norm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Linear(4, 1)

    def forward(self, x: Tensor, y: Tensor, mode: str = 'tensor') -> dict[str, Tensor]:
        return {'loss': (self.layer(x)[:, 0] - y).square().mean()}


class Watch(Hook):
    """Weights after every step."""

    def __init__(self) -> None:
        self.weights: list[Tensor] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.weights.append(runner.model.layer.weight.detach().clone())


def train(folder: Path, *, batch: int, accumulate: int = 1, epochs: int = 2, kind: str = 'OptimWrapper',
          count: int = COUNT, lr: float = 0.1, **settings) -> tuple[BriefRunner, Watch]:
    train.count += 1
    watch, data = Watch(), Points()
    data = torch.utils.data.Subset(data, range(count))
    runner = BriefRunner(
        model=Plain(), work_dir=str(folder), experiment_name=f'accumulation-{train.count}',
        train_dataloader=dict(batch_size=batch, num_workers=0, dataset=data,
                              sampler=dict(type='DefaultSampler', shuffle=False),
                              collate_fn=dict(type='default_collate')),
        train_cfg=dict(by_epoch=True, max_epochs=epochs), custom_hooks=[watch], default_scope='perception_kd',
        param_scheduler=dict(type='ExponentialLR', gamma=0.9, by_epoch=True),
        optim_wrapper=dict(type=kind, optimizer=dict(type='AdamW', lr=lr), accumulative_counts=accumulate),
        randomness=dict(seed=1), log_level='ERROR', **settings)
    runner.train()
    return runner, watch


train.count = 0


@pytest.mark.parametrize(('kind', 'tolerance'), [('OptimWrapper', 1e-6), ('PortableAmpOptimWrapper', 3e-2)])
def test_two_batches_of_one_are_a_batch_of_two(tmp_path: Path, kind: str, tolerance: float) -> None:
    _, small = train(tmp_path / 'a', batch=1, accumulate=2, count=4, kind=kind)
    _, large = train(tmp_path / 'b', batch=2, count=4, kind=kind)
    assert len(small.weights) == 2 * len(large.weights) == 8
    for one, other in zip(small.weights[1::2], large.weights):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert all(torch.equal(one, other) for one, other in zip(small.weights[1::2], small.weights[2::2]))


def test_the_last_of_an_epoch_stand_alone(tmp_path: Path) -> None:
    """Five batches in groups of two: the fifth makes an update of its own, by its own mean, in every epoch."""
    _, small = train(tmp_path / 'a', batch=1, accumulate=2)
    _, large = train(tmp_path / 'b', batch=2)  # batches of 2, 2 and 1
    assert len(small.weights) == 10 and len(large.weights) == 6
    for place, step in enumerate((1, 3, 4, 6, 8, 9)):
        torch.testing.assert_close(small.weights[step], large.weights[place], msg=str(place))


def test_a_resumed_run_is_the_run_that_was_not_stopped(tmp_path: Path) -> None:
    whole, _ = train(tmp_path / 'a', batch=1, accumulate=2, epochs=3)
    train(tmp_path / 'b', batch=1, accumulate=2, epochs=1)
    rest, _ = train(tmp_path / 'b', batch=1, accumulate=2, epochs=3, resume=True)
    assert torch.equal(whole.model.layer.weight, rest.model.layer.weight)
    one, two = (runner.optim_wrapper.optimizer.state_dict()['state'][0] for runner in (whole, rest))
    assert one['step'] == two['step'] == 9 and torch.equal(one['exp_avg'], two['exp_avg'])


def test_schedules_in_epochs_do_not_look_at_updates(tmp_path: Path) -> None:
    runner, _ = train(tmp_path, batch=1, accumulate=2, epochs=3)
    assert runner.iter == 15
    assert runner.optim_wrapper.optimizer.param_groups[0]['lr'] == pytest.approx(0.1 * 0.9**2), 'none after the last'
