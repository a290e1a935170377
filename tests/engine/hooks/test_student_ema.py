"""The average of the student: its formula, what it leaves out, where it is used, and that it resumes."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from mmdet.models.layers import ExpMomentumEMA
from mmengine.config import Config
from torch import Tensor, nn

from perception_kd.distill import Distiller
from perception_kd.engine.amp import PortableAmpOptimWrapper
from perception_kd.engine.hooks import StudentEMAHook
from perception_kd.engine.runner import BriefRunner
from perception_kd.engine.safe_checkpoint import read_checkpoint
from perception_kd.export import export_student, student_weights
from perception_kd.registry import MODELS
from tests.distill.toys import ToyStudent, feature_pair, toy_teacher
from tests.engine.hooks.test_hooks import ToyData

GAMMA = 5.0


class SharingStudent(ToyStudent):
    """Two names for one weight."""

    def __init__(self) -> None:
        super().__init__(dropout=0.0)
        self.alias = self.head


def model(kind: type = ToyStudent, bare: bool = False) -> nn.Module:
    torch.manual_seed(0)
    student = kind()
    if bare:
        return student
    return Distiller(student=student, teachers=dict(lidar=toy_teacher()), pairs=dict(one=feature_pair(
        connector=dict(type='DistillAdaptor'))))


class Watch(StudentEMAHook):
    """Keeps the student's weights after each step, and what validation would see."""

    def __init__(self) -> None:
        super().__init__(gamma=GAMMA)
        self.steps: list[dict[str, Tensor]] = []

    def before_train(self, runner) -> None:
        super().before_train(runner)
        self.start = {name: value.clone() for name, value in self.average.items()}

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        core = getattr(runner.model, 'student', runner.model)
        self.steps.append({name: value.clone() for name, value in core.state_dict().items()})
        super().after_train_iter(runner, batch_idx, data_batch, outputs)


def train(folder: Path, epochs: int, built: nn.Module | None = None, accumulate: int = 1,
          **settings) -> tuple[BriefRunner, Watch]:
    """Four steps an epoch."""
    hook = Watch()
    runner = BriefRunner(
        model=built or model(), work_dir=str(folder),
        experiment_name=f'ema-{folder.name}-{len(list(folder.glob("*")))}',
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=ToyData(),
                              sampler=dict(type='DefaultSampler', shuffle=True),
                              collate_fn=dict(type='pseudo_collate')),
        train_cfg=dict(by_epoch=True, max_epochs=epochs), custom_hooks=[hook], default_scope='perception_kd',
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.05), accumulative_counts=accumulate,
                           clip_grad=dict(max_norm=5.0)),
        randomness=dict(seed=1), log_level='ERROR', **settings)
    runner.train()
    return runner, hook


@pytest.mark.parametrize('bare', [False, True])
def test_it_is_mmdets_average(tmp_path: Path, bare: bool) -> None:
    _, hook = train(tmp_path, 2, model(bare=bare))
    twin = ExpMomentumEMA(nn.Linear(1, 1), momentum=1e-4, gamma=GAMMA)
    for name, value in hook.start.items():
        expected = value.clone()
        for count, step in enumerate(hook.steps):
            if value.is_floating_point():
                twin.avg_func(expected, step[name], count)
            else:
                expected = step[name]
        torch.testing.assert_close(hook.average[name], expected, msg=name)
    assert hook.decay(1) == pytest.approx(0.9999 * (1 - math.exp(-1 / GAMMA)))
    assert not any('pairs' in name or 'teacher' in name for name in hook.average)
    assert not torch.equal(hook.average['stem.norm.running_mean'], hook.steps[-1]['stem.norm.running_mean'])


def test_a_resumed_run_is_the_run_that_was_not_stopped(tmp_path: Path) -> None:
    whole, kept = train(tmp_path / 'a', 3)
    train(tmp_path / 'b', 2)
    rest, again = train(tmp_path / 'b', 3, resume=True)
    assert kept.updates == again.updates == 12
    one, two = (read_checkpoint(tmp_path / name / 'epoch_3.pth') for name in 'ab')
    for state in ((kept.average, again.average), (whole.model.state_dict(), rest.model.state_dict()),
                  (one['state_dict'], two['state_dict']), (one['ema']['own'], two['ema']['own'])):
        assert state[0].keys() == state[1].keys()
        assert all(torch.equal(value, state[1][name]) for name, value in state[0].items())
    assert any(not torch.equal(value, one['ema']['own'][name]) for name, value in kept.average.items())


def test_the_checkpoint_deploys_the_average(tmp_path: Path) -> None:
    _, hook = train(tmp_path, 2)
    weights = student_weights(tmp_path / 'epoch_2.pth')
    assert weights.keys() == hook.average.keys()
    assert all(torch.equal(weights[name], value) for name, value in hook.average.items())
    MODELS.register_module(name='ToyStudent', module=ToyStudent, force=True)
    try:
        export_student(Config(dict(model=dict(type='ToyStudent'))), tmp_path / 'epoch_2.pth', tmp_path / 'student.pth')
    finally:
        MODELS.module_dict.pop('ToyStudent')
    exported = student_weights(tmp_path / 'student.pth')
    assert all(torch.equal(exported[name], value) for name, value in hook.average.items())
    _, fresh = train(tmp_path / 'next', 1, load_from=str(tmp_path / 'epoch_2.pth'))
    assert fresh.updates == 4, 'what is only loaded begins an average of its own'


def test_validation_sees_the_average_and_leaves_the_weights(tmp_path: Path) -> None:
    runner, hook = train(tmp_path, 1)
    own = {name: value.clone() for name, value in runner.model.student.state_dict().items()}
    average = {name: value.clone() for name, value in hook.average.items()}
    hook.before_val_epoch(runner)
    assert all(torch.equal(value, average[name]) for name, value in runner.model.student.state_dict().items())
    hook.after_val_epoch(runner)
    assert all(torch.equal(value, own[name]) for name, value in runner.model.student.state_dict().items())


def test_accumulated_steps_count_once_and_shared_weights_are_averaged_once(tmp_path: Path) -> None:
    _, hook = train(tmp_path, 1, model(SharingStudent), accumulate=2)
    assert hook.updates == 2
    assert torch.equal(hook.average['alias.reg.bias'], hook.average['head.reg.bias'])
    expected = hook.start['head.reg.bias']
    for count in (1, 2):
        expected = torch.lerp(expected, hook.steps[2 * count - 1]['head.reg.bias'], 1 - hook.decay(count))
    torch.testing.assert_close(hook.average['head.reg.bias'], expected)


@pytest.mark.parametrize('fused', [False, True])
def test_steps_that_a_scaler_leaves_out_do_not_count(fused: bool) -> None:
    """The second of three has an infinite gradient; a fused optimiser is called all the same."""
    built = model(bare=True)
    optimiser = torch.optim.AdamW(built.parameters(), lr=0.05, fused=fused)
    runner = SimpleNamespace(model=built, optim_wrapper=PortableAmpOptimWrapper(optimizer=optimiser, dtype='float16'))
    hook = StudentEMAHook(gamma=GAMMA)
    hook.before_train(runner)
    for step, bad in enumerate((0.0, float('inf'), 0.0)):
        loss = built.head.reg.weight.square().sum() + bad * built.head.reg.bias.sum()
        before = hook.average['head.reg.weight'].clone()
        runner.optim_wrapper.update_params(loss)
        hook.after_train_iter(runner, step, outputs={})
        assert torch.equal(before, hook.average['head.reg.weight']) == bool(bad)
    assert hook.updates == 2


@pytest.mark.parametrize('settings', [dict(limit=1.0), dict(gamma=0.0)])
def test_bad_settings(settings: dict) -> None:
    with pytest.raises(ValueError, match='0 < limit < 1 and gamma > 0'):
        StudentEMAHook(**settings)


@pytest.mark.parametrize('second', ['EMAHook', 'StudentEMAHook'])
def test_a_second_average_is_refused(tmp_path: Path, second: str) -> None:
    with pytest.raises(ValueError, match=r'one moving average, and \w+ would be a second'):
        train(tmp_path, 1, default_hooks=dict(ema=dict(type=second)))
