"""Accumulated gradients: two batches of one are a batch of two, and an epoch keeps its gradients to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
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

    def forward(self, x: Tensor, y: Tensor, mode: str = 'tensor') -> dict[str, Tensor] | list[Tensor]:
        if mode == 'predict':
            return list(x)
        return {'loss': (self.layer(x)[:, 0] - y).square().mean()}


class Watch(Hook):
    """Weights after every step."""

    def __init__(self) -> None:
        self.weights: list[Tensor] = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        self.weights.append(runner.model.layer.weight.detach().clone())


class Best(BaseMetric):
    """Every validation is better than the one before."""

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results: list) -> dict[str, int]:
        train.best += 1
        return {'score': train.best}


def loader(data: Dataset, batch: int) -> dict:
    return dict(batch_size=batch, num_workers=0, dataset=data, sampler=dict(type='DefaultSampler', shuffle=False),
                collate_fn=dict(type='default_collate'))


def train(folder: Path, *, batch: int, accumulate: int = 1, epochs: int = 2, kind: str = 'OptimWrapper',
          count: int = COUNT, lr: float = 0.1, **settings) -> tuple[BriefRunner, Watch]:
    train.count += 1
    watch, data = Watch(), Points()
    data = torch.utils.data.Subset(data, range(count))
    runner = BriefRunner(
        model=Plain(), work_dir=str(folder), experiment_name=f'accumulation-{train.count}',
        train_dataloader=loader(data, batch), custom_hooks=[watch], default_scope='perception_kd',
        train_cfg=settings.pop('train_cfg', dict(by_epoch=True, max_epochs=epochs)),
        param_scheduler=dict(type='ExponentialLR', gamma=0.9, by_epoch=True),
        optim_wrapper=dict(type=kind, optimizer=dict(type='AdamW', lr=lr), accumulative_counts=accumulate),
        randomness=dict(seed=1), log_level='ERROR', **settings)
    runner.train()
    return runner, watch


train.count = train.best = 0


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


@pytest.mark.parametrize(('by_epoch', 'interval', 'written'), [
    (True, 1, [2, 4, 5, 7, 9, 10]), (False, 1, [2, 4, 6, 8, 9]), (False, 3, [4, 6, 9])])
def test_a_run_resumes_from_any_checkpoint_in_an_epoch(tmp_path: Path, by_epoch: bool, interval: int,
                                                       written: list[int]) -> None:
    """What is due within a group is written after its update: from each checkpoint a run goes on bit for bit."""
    plan = dict(by_epoch=True, max_epochs=2) if by_epoch else dict(by_epoch=False, max_iters=9, val_interval=3)
    every = dict(train_cfg=plan, default_hooks=dict(
        checkpoint=dict(type='CheckpointHook', interval=interval, by_epoch=False)))
    whole, _ = train(tmp_path / 'a', batch=1, accumulate=2, **every)
    steps = sorted(int(path.stem.removeprefix('iter_')) for path in (tmp_path / 'a').glob('iter_*.pth'))
    assert steps == written
    for step in steps[:-1]:
        rest, _ = train(tmp_path / str(step), batch=1, accumulate=2, **every, resume=True,
                        load_from=str(tmp_path / f'a/iter_{step}.pth'))
        assert torch.equal(whole.model.layer.weight, rest.model.layer.weight), step


def test_a_better_score_within_a_group_does_not_write_what_cannot_be_resumed(tmp_path: Path) -> None:
    """Validation after steps 3 and 6 of groups of two; mmengine writes the last checkpoint again for each best."""
    hook = dict(type='CheckpointHook', interval=2, by_epoch=False, save_best='score', rule='greater')
    train(tmp_path, batch=1, accumulate=2, train_cfg=dict(by_epoch=False, max_iters=7, val_interval=3),
          default_hooks=dict(checkpoint=hook), val_dataloader=loader(Points(), 5), val_cfg={}, val_evaluator=[Best()])
    assert {path.name for path in tmp_path.glob('*.pth')} == {
        *(f'iter_{step}.pth' for step in (2, 4, 6, 7)), 'best_score_iter_7.pth'}


def test_schedules_in_epochs_do_not_look_at_updates(tmp_path: Path) -> None:
    runner, _ = train(tmp_path, batch=1, accumulate=2, epochs=3)
    assert runner.iter == 15
    assert runner.optim_wrapper.optimizer.param_groups[0]['lr'] == pytest.approx(0.1 * 0.9**2), 'none after the last'
