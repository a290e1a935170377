"""The hooks of distillation, in a Runner."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.logging import MessageHub
from torch.utils.data import DataLoader, Dataset

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import NonFiniteLoss, detection_loss
from perception_kd.engine import dry_run
from perception_kd.engine.hooks import DistillProgressHook, GradientProbeHook, KDLogHook, NaNGuardHook
from perception_kd.engine.runner import BriefRunner
from tests.distill.toys import ToyStudent, feature_pair, response_pair, toy_sample, toy_teacher


class ToyData(Dataset):
    metainfo = {}

    def __init__(self, broken: int | None = None) -> None:
        self.broken = broken

    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict:
        inputs, sample = toy_sample(index, boxes=1)
        if index == self.broken:
            inputs['img'][0, 0, 0] = float('nan')
        return dict(inputs=inputs, data_samples=sample)


def run(folder, *, epochs: int, model=None, hooks: list | None = None, resume: bool = False,
        broken: int | None = None, clip: bool = False) -> list[dict]:
    """Train by a Runner (4 iterations an epoch); returns the pairs' weights after every step."""
    seen = []

    class Watch(KDLogHook):
        def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
            seen.append(dict(getattr(runner.model, 'weights', {})))
    hooks = [dict(type='DistillProgressHook'), dict(type='KDLogHook', interval=1)] if hooks is None else hooks
    runner = BriefRunner(
        model=model or distiller(), work_dir=str(folder), experiment_name=f'hooks-{folder.name}-{epochs}',
        train_dataloader=dict(batch_size=2, num_workers=0, dataset=ToyData(broken),
                              sampler=dict(type='DefaultSampler', shuffle=False),
                              collate_fn=dict(type='pseudo_collate')),
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01),
                           clip_grad=dict(max_norm=10.0) if clip else None),
        custom_hooks=[*hooks, Watch()], default_scope='perception_kd', resume=resume)
    runner.train()
    return seen


def distiller(balance: dict | None = None) -> Distiller:
    torch.manual_seed(0)
    pairs = dict(feature=feature_pair(weight=dict(type='LinearWarmup', value=1.0, end=8)),
                 response=response_pair(weight=dict(type='Window', value=2.0, begin=1)))
    return Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs, balance=balance)


def test_schedules_follow_iterations_and_epochs_of_the_runner_also_after_a_resume(tmp_path):
    run(tmp_path / 'a', epochs=1)
    weights = run(tmp_path / 'a', epochs=2, resume=True)
    assert [weight['feature'] for weight in weights] == [0.5, 0.625, 0.75, 0.875]
    assert [weight['response'] for weight in weights] == [2.0] * 4


@pytest.mark.parametrize(('epoch', 'batch'), [(1, 1), (0, 5)], ids=['epochs', 'iterations'])
def test_progress_counts_fractions_of_epochs_in_both_kinds_of_loops(epoch, batch):
    seen = []
    runner = SimpleNamespace(model=SimpleNamespace(set_progress=lambda *counts: seen.append(counts)), iter=5,
                             epoch=epoch, max_iters=8, train_dataloader=range(4))
    DistillProgressHook().before_train_iter(runner, batch)
    assert seen == [(5, 1.25, 8, 2.0)]


def test_shares_and_weights_are_logged(tmp_path):
    run(tmp_path / 'b', epochs=2)
    scalars = MessageHub.get_current_instance().log_scalars
    last = {key.removeprefix('train/'): scalars[key].current() for key in scalars}
    assert last['share.feature'] + last['share.response'] + last['share.task'] == pytest.approx(1.0)
    assert last['weight.response'] == 2.0 and last['weight.feature'] == 0.875
    total = sum(abs(value) for key, value in last.items() if 'loss_' in key)
    assert last['share.feature'] == pytest.approx(last['loss_distill.feature'] / total, rel=1e-4)
    assert last['loss'] == pytest.approx(total, rel=1e-4)


def test_gradients_are_logged_and_training_stays_the_same(tmp_path):
    models = {name: distiller() for name in ('with', 'without')}
    log = dict(type='KDLogHook', interval=1)
    run(tmp_path / 'without', epochs=2, model=models['without'], hooks=[log])
    run(tmp_path / 'with', epochs=2, model=models['with'], hooks=[log, dict(type='GradientProbeHook', interval=3)])
    scalars = MessageHub.get_current_instance().log_scalars
    assert all(torch.equal(one, other) for one, other in zip(models['with'].state_dict().values(),
                                                             models['without'].state_dict().values()))
    last = {key.removeprefix('train/'): scalars[key].current() for key in scalars if 'grad_' in key}
    names = ('feature', 'response', 'task')
    assert set(last) == {*(f'grad_{kind}.{name}' for kind in ('norm', 'share') for name in names),
                         'grad_cos.feature.response', 'grad_cos.feature.task', 'grad_cos.response.task'}
    total = sum(last[f'grad_norm.{name}'] for name in names)
    assert last['grad_share.feature'] == pytest.approx(last['grad_norm.feature'] / total)
    assert len(scalars['train/grad_norm.task'].data[0]) == 2, 'iterations 3 and 6'


def test_a_balanced_run_resumes_as_if_it_had_not_stopped(tmp_path):
    balance = dict(type='GradientNormBalance', shares=dict(feature=0.3, response=0.1), interval=3)
    straight, first, second = (distiller(balance) for _ in range(3))
    run(tmp_path / 'j', epochs=2, model=straight)
    run(tmp_path / 'k', epochs=1, model=first)
    run(tmp_path / 'k', epochs=2, model=second, resume=True)
    assert (straight.balance.factors != 1).all()
    assert all(torch.equal(value, second.state_dict()[name]) for name, value in straight.state_dict().items())


def warnings_of(folder, monkeypatch, **settings) -> list[str]:
    said = []
    monkeypatch.setattr('mmengine.logging.MMLogger.warning', lambda self, text, *args: said.append(str(text)))
    run(folder, epochs=3, hooks=[dict(type='KDLogHook', interval=1, **settings)])
    return [text for text in said if 'detection loss' in text]


def test_a_pair_of_the_wrong_size_is_told_once_after_its_warm_up(tmp_path, monkeypatch):
    said = warnings_of(tmp_path / 'g', monkeypatch, expected=(1e-9, 1e-8), samples=3)
    ends = dict(response=7, feature=10)  # the first three entries at full weight: 5-7 of a window, 8-10 of a warm-up
    assert {text.split("'")[1]: int(text.split('iteration ')[1].split(',')[0]) for text in said} == ends
    assert len(said) == 2 and '1e-07 to 1e-06 % are expected: look at its weight' in said[0]
    assert not warnings_of(tmp_path / 'h', monkeypatch, expected=(0.0, 1e9), samples=3)
    assert not warnings_of(tmp_path / 'i', monkeypatch)


def test_pairs_that_a_run_is_too_short_for_are_named(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr('mmengine.logging.MMLogger.warning', lambda self, text, *args: said.append(str(text)))
    run(tmp_path / 'l', epochs=1, hooks=[])
    told = [text for text in said if 'stays 0' in text]
    assert len(told) == 1 and told[0].startswith(
        "the weight of pair 'response' (2 in epoch 1-end) stays 0 in all 4 iterations (1 epochs) of this run")
    said.clear()
    run(tmp_path / 'm', epochs=2, hooks=[])
    assert not [text for text in said if 'stays 0' in text]


def test_a_dry_run_names_them_too(monkeypatch, capsys):
    loader = DataLoader(ToyData(), batch_size=2, collate_fn=pseudo_collate)
    monkeypatch.setattr(dry_run.Runner, 'build_dataloader', lambda settings: loader)
    monkeypatch.setattr(dry_run.MODELS, 'build', lambda settings: distiller())
    for epochs in (1, 2):
        dry_run.dry_run(Config(dict(model={}, train_dataloader={}, train_cfg=dict(max_epochs=epochs))))
        told = "warning: the weight of pair 'response' (2 in epoch 1-end) stays 0" in capsys.readouterr().out
        assert told == (epochs == 1)


def test_the_detection_loss_leaves_out_pairs_and_depth():
    log = {'loss': 99.0, 'task0.loss_heatmap': 2.0, 'loss_bbox': 1.0, 'loss_depth': 7.0, 'loss_distill.a': 5.0,
           'grad_norm': 4.0}
    assert detection_loss(log) == 3.0


def test_the_hooks_leave_a_bare_student_alone(tmp_path):
    hooks = [dict(type='DistillProgressHook'), dict(type='KDLogHook'), dict(type='GradientProbeHook', interval=1),
             dict(type='NaNGuardHook')]
    assert run(tmp_path / 'c', epochs=1, model=ToyStudent(), hooks=hooks) == [{}] * 4


def test_the_guard_names_loss_and_samples_of_a_bare_student(tmp_path):
    with pytest.raises(NonFiniteLoss, match=r'iteration 1: .*loss_heat.*samples: token2, token3'):
        run(tmp_path / 'd', epochs=1, model=ToyStudent(), hooks=[dict(type='NaNGuardHook')], broken=3)
    assert not list((tmp_path / 'd').glob('*.pth'))


def test_a_distiller_names_the_pair_first(tmp_path):
    message = r"Pair 'feature': student tap 'bev' .*inputs\['img'\] are not finite in sample token3\.$"
    with pytest.raises(NonFiniteLoss, match=message):
        run(tmp_path / 'e', epochs=1, model=None, broken=3)


class SteepStudent(ToyStudent):
    """Finite loss, infinite gradient."""

    def forward(self, inputs, data_samples=None, mode='tensor'):
        losses = super().forward(inputs, data_samples, mode)
        losses['loss_steep'] = (self.head.reg.bias * 0).abs().sqrt().sum()
        return losses


def test_the_guard_sees_gradients_that_are_not_finite(tmp_path):
    with pytest.raises(NonFiniteLoss, match='iteration 0: grad_norm; samples: token0, token1'):
        run(tmp_path / 'f', epochs=1, model=SteepStudent(), hooks=[dict(type='NaNGuardHook')], clip=True)


@pytest.mark.parametrize('hook', [GradientProbeHook, KDLogHook, NaNGuardHook])
def test_an_interval_below_one_is_refused(hook):
    with pytest.raises(ValueError, match='at least 1'):
        hook(interval=0)
