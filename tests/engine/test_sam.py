"""Sharpness-aware steps against SAM by hand: values, one count of everything, exact weights, guards, resume."""

from __future__ import annotations

import copy
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from perception_kd.distill import Distiller
from perception_kd.distill.accounting import NonFiniteLoss
from perception_kd.distill.gradients import GradientProbe
from perception_kd.distill.losses import DistillLoss
from perception_kd.distill.taps import _ACTIVE
from perception_kd.engine.guarded_step import guarded_step
from perception_kd.engine.sam import SAMAmpOptimWrapper, SAMOptimWrapper, ascent
from perception_kd.registry import OPTIM_WRAPPERS
from tests.distill.toys import ToyStudent, feature_pair, toy_batch, toy_teacher
from tests.engine.tiny_run import TinyModel, assert_same, build

RHO = 0.3


def sgd(model: nn.Module, kind: type = SAMOptimWrapper, lr: float = 0.1, **settings) -> OptimWrapper:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, weight_decay=0.01)
    return kind(optimizer=optimizer, **settings)


def batches(count: int) -> list[dict]:
    torch.manual_seed(11)
    return [dict(x=torch.randn(6, 4), index=torch.arange(6)) for _ in range(count)]


def norm_of(parts: list[torch.Tensor]) -> torch.Tensor:
    return sum(part.square().sum() for part in parts).sqrt()


def by_hand(model: TinyModel, optimizer: torch.optim.Optimizer, batch: dict, seed: int, adaptive: bool) -> None:
    """One step of SAM, or ASAM, from the paper."""
    weights = list(model.parameters())
    torch.manual_seed(seed)
    gradients = torch.autograd.grad(model(**batch, mode='loss')['loss'], weights)
    counted = {name: value.clone() for name, value in model.named_buffers()}
    old = [weight.detach().clone() for weight in weights]
    scale = [weight.abs() if adaptive else torch.ones_like(weight) for weight in old]
    size = norm_of([s * g for s, g in zip(scale, gradients)])
    with torch.no_grad():
        for weight, s, gradient in zip(weights, scale, gradients):
            weight += RHO * s * s * gradient / size
    torch.manual_seed(seed)
    optimizer.zero_grad()
    model(**batch, mode='loss')['loss'].backward()
    with torch.no_grad():
        for weight, value in zip(weights, old):
            weight.copy_(value)
        for name, value in model.named_buffers():
            value.copy_(counted[name])
    nn.utils.clip_grad_norm_(weights, 0.5)
    optimizer.step()


@pytest.mark.parametrize('adaptive', [False, True])
def test_weights_equal_sam_by_hand_over_several_steps(adaptive: bool) -> None:
    """With dropout, batch norm, momentum, weight decay and clipping."""
    model = TinyModel()
    twin = copy.deepcopy(model)
    wrapper = sgd(model, rho=RHO, adaptive=adaptive, clip_grad=dict(max_norm=0.5))
    optimizer = sgd(twin, OptimWrapper).optimizer
    for seed, batch in enumerate(batches(5)):
        torch.manual_seed(seed)
        model.train_step(batch, wrapper)
        by_hand(twin, optimizer, batch, seed, adaptive)
    for (name, value), other in zip(model.state_dict().items(), twin.state_dict().values()):
        torch.testing.assert_close(value, other, msg=name)
    assert model.layers[1].num_batches_tracked == 5 and wrapper.inner_count == 5


def test_the_step_on_a_quadratic_is_the_analytic_one() -> None:
    """L = a w^2 / 2 in two dimensions: w - lr A (w + rho A w / |A w|)."""
    curvature, start = torch.tensor([1.0, 4.0]), torch.tensor([2.0, -1.0])
    model = nn.Module()
    model.weight = nn.Parameter(start.clone())
    model.forward = lambda: (curvature * model.weight.square()).sum() / 2
    wrapper = SAMOptimWrapper(optimizer=torch.optim.SGD(model.parameters(), lr=0.1), rho=0.5)
    with wrapper.optim_context(model):
        loss = model()
    wrapper.update_params(loss)
    slope = curvature * start
    torch.testing.assert_close(model.weight.data, start - 0.1 * curvature * (start + 0.5 * slope / slope.norm()))


def test_an_ascent_has_length_rho_and_needs_a_direction() -> None:
    weights = [nn.Parameter(torch.randn(3)), nn.Parameter(torch.randn(2, 2))]
    for weight in weights:
        weight.grad = torch.randn_like(weight) * 1e4
    assert norm_of(ascent(weights, 0.2, False)) == pytest.approx(0.2)
    relative = [step / weight.detach() for step, weight in zip(ascent(weights, 0.2, True), weights)]
    assert norm_of(relative) == pytest.approx(0.2)
    for bad in (0.0, float('nan'), float('inf')):
        for weight in weights:
            weight.grad.fill_(bad)
        assert ascent(weights, 0.2, False) == []


class Drawing(DistillLoss):
    """Weighs the squared difference by random numbers, and counts its steps in a buffer."""

    kinds = ('bev',)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer('steps', torch.zeros((), dtype=torch.long))
        self.seen: list[tuple[int, torch.Tensor]] = []

    def forward(self, student, teacher, *, weight, scale, batch):
        draw = torch.rand(student.shape[1:])
        self.seen.append((int(self.steps), draw))
        self.steps += 1
        return ((student - teacher).square() * draw).mean()


def distiller() -> Distiller:
    torch.manual_seed(0)
    pairs = dict(one=feature_pair(loss=Drawing(), weight=dict(type='LinearWarmup', value=0.5, end=4, start=0.1)),
                 two=feature_pair(connector=dict(type='DistillAdaptor')))
    return Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs,
                     balance=dict(type='GradientNormBalance', shares=dict(two=0.5), interval=1))


def test_a_distiller_counts_one_step_and_leaves_the_random_numbers_of_one() -> None:
    outcomes = []
    for kind in (OptimWrapper, SAMOptimWrapper):
        model = distiller()
        wrapper, model.probe = sgd(model, kind), GradientProbe('taps')
        before = {name: value.clone() for name, value in model.named_parameters()}
        logged = model.train_step(toy_batch(1, 2), wrapper)
        outcomes.append((model, logged, torch.get_rng_state()))
    (plain, plain_log, plain_random), (model, log, random) = outcomes
    assert model.progress.iteration == 1 and model.probe is not None and not _ACTIVE
    assert all(torch.equal(value, log[name]) for name, value in plain_log.items())
    assert torch.equal(plain_random, random)
    assert torch.equal(plain.gradients.gram, model.gradients.gram)
    others = dict(plain.named_buffers())
    assert all(torch.equal(value, others[name]) for name, value in model.named_buffers())
    (count, draw), (count_again, draw_again) = model.pairs['one'].loss.seen
    assert count == count_again == 0 and torch.equal(draw, draw_again)
    moved = {name for name, value in model.named_parameters() if not torch.equal(value, before[name])}
    assert moved == set(before), 'connectors are trained, too'
    assert not torch.equal(plain.student.stem.conv.weight, model.student.stem.conv.weight)


def test_gradients_are_measured_in_the_first_pass_alone() -> None:
    class Counting(GradientProbe):
        calls = 0

        def __call__(self, losses, places):
            self.calls += 1
            return super().__call__(losses, places)

    model = distiller()
    model.balance, model.probe = None, Counting('taps')
    model.train_step(toy_batch(1, 2), sgd(model))
    assert model.probe.calls == 1


def test_only_the_students_weights_are_perturbed_and_frozen_ones_stay() -> None:
    model, seen = distiller(), []
    model.student.head.reg.requires_grad_(False)
    model.register_forward_hook(lambda part, *_: seen.append({k: v.clone() for k, v in part.state_dict().items()}))
    model.train_step(toy_batch(1, 2), sgd(model, lr=0.0, rho=RHO))
    first, second = seen
    changed = {name for name, _ in model.named_parameters() if not torch.equal(first[name], second[name])}
    frozen = {'student.head.reg.weight', 'student.head.reg.bias'}
    assert changed == {name for name, _ in model.named_parameters() if name.startswith('student.')} - frozen
    assert norm_of([second[name] - first[name] for name in changed]) == pytest.approx(RHO, rel=1e-4)
    assert all(torch.equal(value, first[name]) for name, value in model.named_parameters()), 'restored to the bit'


class Cliff(TinyModel):
    """Its loss is not finite at any weights but the first."""

    def forward(self, x, index, mode='tensor'):
        losses = super().forward(x, index, mode)
        if len(self.seen) == 2:
            raise NonFiniteLoss('not finite: loss')
        return losses


def test_a_bad_second_pass_leaves_nothing_behind() -> None:
    model = Cliff()
    before, wrapper = copy.deepcopy(model.state_dict()), sgd(model, rho=RHO)
    with pytest.raises(NonFiniteLoss):
        guarded_step(model, batches(1)[0], wrapper)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert wrapper.inner_count == 1
    guarded_step(model, batches(1)[0], wrapper)
    assert wrapper.inner_count == 2 and not torch.equal(model.layers[0].weight, before['layers.0.weight'])


def test_a_gradient_that_is_not_finite_reaches_the_guard() -> None:
    model = TinyModel()
    before, batch = copy.deepcopy(model.state_dict()), batches(1)[0]
    with torch.no_grad():
        model.layers[3].bias.zero_()
    old = model.parse_losses
    model.parse_losses = lambda losses: old({'loss': losses['loss'] + model.layers[3].bias.abs().sqrt().sum()})
    with pytest.raises(NonFiniteLoss, match='a gradient is not finite'):
        guarded_step(model, batch, sgd(model))
    assert torch.equal(model.layers[0].weight, before['layers.0.weight'])


class Parallel(nn.Module):
    """Notes which of its forward passes may exchange gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.syncing, self.synced = nn.Linear(2, 1), True, []

    @contextmanager
    def no_sync(self):
        self.syncing = False
        yield
        self.syncing = True

    def forward(self, x):
        self.synced.append(self.syncing)
        return self.layer(x).square().mean()


def test_processes_exchange_the_second_gradient_only() -> None:
    model = Parallel()
    wrapper = sgd(model)
    with wrapper.optim_context(model):
        loss = model(torch.ones(1, 2))
    wrapper.update_params(loss)
    assert model.synced == [False, True]


@pytest.mark.parametrize(('settings', 'message'), [
    (dict(rho=0.0), 'rho must be a positive number, got 0.0'),
    (dict(rho=float('inf')), 'rho must be a positive number, got inf'),
    (dict(accumulative_counts=2), 'does not accumulate gradients'),
])
def test_bad_settings(settings: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sgd(nn.Linear(1, 1), **settings)


@pytest.mark.parametrize('passes', [0, 2])
def test_a_step_needs_one_forward_pass_to_repeat(passes: int) -> None:
    model = Parallel()
    wrapper = sgd(model)
    with wrapper.optim_context(model):
        losses = [model(torch.ones(1, 2)) for _ in range(passes)]
    before = model.layer.weight.detach().clone()
    with pytest.raises(ValueError, match=f'{passes} forward passes of Parallel'):
        wrapper.update_params(sum(losses, model.layer.bias.sum()))
    assert torch.equal(model.layer.weight, before)
    with pytest.raises(ValueError, match='inside optim_context'):
        wrapper.update_params(model.layer.bias.sum())


@pytest.mark.parametrize('kind', ['SAMOptimWrapper', 'SAMAmpOptimWrapper'])
def test_resume_is_exact(tmp_path: Path, kind: str) -> None:
    def run(folder: str, **settings):
        runner = build(tmp_path / folder, epochs=2, **settings)
        runner.optim_wrapper['type'] = kind
        runner.train()
        return runner

    whole = run('a')
    assert type(whole.optim_wrapper) is OPTIM_WRAPPERS.get(kind)
    assert_same(whole, run('b', resume=True, load_from=str(tmp_path / 'a/epoch_1.pth')))


def test_the_loss_scale_cancels_and_bad_scaled_steps_are_left_out() -> None:
    def step(scale: float, factor: float = 1.0) -> TinyModel:
        model = TinyModel()
        old = model.parse_losses
        model.parse_losses = lambda losses: (old(losses)[0] * factor, {})
        torch.manual_seed(1)
        model.train_step(batches(1)[0], sgd(model, SAMAmpOptimWrapper, rho=RHO, dtype='float16', loss_scale=scale))
        return model

    once, often = step(1.0), step(64.0)
    torch.testing.assert_close(once.layers[0].weight, often.layers[0].weight, rtol=1e-2, atol=1e-3)
    assert torch.equal(step(1.0, float('inf')).layers[0].weight, TinyModel().layers[0].weight)
