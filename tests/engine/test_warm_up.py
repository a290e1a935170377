"""YOLOv5's curves against hand values, and through a resume."""

import copy

import pytest
import torch
from mmengine.optim import OptimWrapper
from torch import nn

from perception_kd.engine.warm_up import BiasMarkingConstructor, WarmUpLinear

LR = dict(start=0.0, bias_start=10.0, final=0.01)


def wrapper_of(lr=0.01, **paramwise):
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.Conv2d(4, 1, 1, bias=False))
    settings = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=lr, momentum=0.937, weight_decay=5e-4))
    return BiasMarkingConstructor(settings, {'norm_decay_mult': 0.0, 'bias_decay_mult': 0.0, **paramwise})(model)


def values_of(wrapper, scheduler, steps, name='lr'):
    """Values of (a weight, a bias) that each step is made with."""
    out = []
    for _ in range(steps):
        out.append((wrapper.param_groups[0][name], wrapper.param_groups[1][name]))
        wrapper.optimizer.step()
        scheduler.step()
    return out


def test_biases_are_marked_and_do_not_decay():
    groups = wrapper_of().optimizer.param_groups
    assert [group['bias'] for group in groups] == [False, True, False, True, False]
    assert [group['weight_decay'] for group in groups] == [5e-4, 0, 0, 0, 5e-4]


def test_learning_rate_by_hand():
    """10 epochs of 10 steps, 3 of warm-up: the line falls from 1 to 0.01 over 100 steps."""
    wrapper = wrapper_of()
    scheduler = WarmUpLinear.build_iter_from_epoch(wrapper, warmup_epochs=3, least_warmup=0, end=10, epoch_length=10,
                                                   **LR)
    curve = values_of(wrapper, scheduler, 100)
    assert curve[0] == (0.0, pytest.approx(0.1))
    assert curve[15] == (pytest.approx(0.01 * 0.8515 / 2), pytest.approx((0.1 + 0.01 * 0.8515) / 2))  # half way
    assert curve[30] == (pytest.approx(0.01 * 0.703),) * 2
    assert curve[99] == (pytest.approx(0.01 * (1 - 0.99 * 0.99)),) * 2
    weights, biases = zip(*curve)
    assert weights.index(max(weights)) == 30
    assert list(biases) == sorted(biases, reverse=True)


def test_momentum_by_hand():
    wrapper = wrapper_of()
    scheduler = WarmUpLinear.build_iter_from_epoch(wrapper, param_name='momentum', start=0.8 / 0.937, final=1.0,
                                                   warmup_epochs=3, least_warmup=0, end=10, epoch_length=10)
    curve = values_of(wrapper, scheduler, 40, 'momentum')
    assert curve[0] == (pytest.approx(0.8),) * 2
    assert curve[15] == (pytest.approx(0.8685),) * 2
    assert curve[30] == curve[39] == (pytest.approx(0.937),) * 2


@pytest.mark.parametrize(('epochs', 'warmup', 'wanted'), [(10, 3, 100), (4, 3, 20), (100, 20, 200), (10, 0, 0)])
def test_length_of_the_warm_up(epochs, warmup, wanted):
    """At least 100 steps, at most half of the training, of 10 steps an epoch."""
    length = WarmUpLinear.build_iter_from_epoch(wrapper_of(), warmup_epochs=warmup, end=epochs, epoch_length=10).warmup
    assert length == (min(wanted, 50) if epochs == 10 else wanted)


def test_rates_of_groups_keep_their_ratio():
    """A part with a learning rate of its own, as a discriminator has, follows the same curve."""
    wrapper = wrapper_of(custom_keys={'2': dict(lr_mult=0.1)})
    scheduler = WarmUpLinear(wrapper, **LR, warmup=10, end=100)
    for _ in range(37):
        wrapper.optimizer.step()
        scheduler.step()
    rates = [group['lr'] for group in wrapper.param_groups]
    assert rates[4] == pytest.approx(0.1 * rates[0])
    assert rates[1] == pytest.approx(rates[0])


def test_resume_goes_on_as_if_nothing_had_been():
    whole = wrapper_of()
    through = WarmUpLinear(whole, **LR, warmup=20, end=60)
    curve = values_of(whole, through, 60)
    first = wrapper_of()
    scheduler = WarmUpLinear(first, **LR, warmup=20, end=60)
    values_of(first, scheduler, 13)
    state, optimizer = copy.deepcopy(scheduler.state_dict()), copy.deepcopy(first.state_dict())
    assert all(isinstance(value, (int, float, str, bool, list, type(None))) for value in state.values())
    second = wrapper_of()
    resumed = WarmUpLinear(second, **LR, warmup=20, end=60)
    second.load_state_dict(optimizer)
    resumed.load_state_dict(state)
    assert values_of(second, resumed, 47) == curve[13:]


@pytest.mark.parametrize('wrong', [dict(start=-1.0), dict(by_epoch=True), dict(final=-0.1)])
def test_bad_settings(wrong):
    wrapper = OptimWrapper(torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1))
    with pytest.raises(ValueError, match=r'0 or more|convert_to_iter_based'):
        WarmUpLinear(wrapper, end=10, **wrong)
