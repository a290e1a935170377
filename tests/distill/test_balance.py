"""Weights that follow gradient norms."""

from __future__ import annotations

import copy

import pytest
import torch

from perception_kd.distill.balance import GradientNormBalance
from perception_kd.distill.gradients import TASK, GradientReport
from perception_kd.distill.pair import PairValue
from tests.distill.test_gradients import build, measured
from tests.distill.toys import feature_pair, response_pair, toy_batch

SHARES = dict(feature=0.3, response=0.1)


def balanced(**settings):
    return build(dict(type='GradientNormBalance', shares=SHARES, **settings)).train()


def ratios(model) -> dict[str, float]:
    norms = measured(model).norms()
    return {name: norm / norms[TASK] for name, norm in norms.items() if name != TASK}


def test_the_wanted_shares_are_reached_and_held():
    model = balanced(interval=1)
    before = ratios(model)
    assert before['feature'] != pytest.approx(0.3, rel=0.1)
    assert ratios(model) == pytest.approx(SHARES, rel=1e-4)
    with torch.no_grad():
        model.teachers['lidar'].model.first[0].weight.mul_(3)  # the features move
    for _ in range(50):
        found = ratios(model)
    assert found == pytest.approx(SHARES, rel=1e-2)
    assert model.weights['feature'] == pytest.approx(0.5 * float(model.balance.factors[0]), rel=0.05)


def test_a_ramp_stays_a_ramp():
    ramp = dict(type='LinearWarmup', value=0.5, end=10)
    model = build(dict(type='GradientNormBalance', shares=dict(feature=0.3), interval=1),
                  feature=feature_pair(weight=ramp), response=response_pair()).train()
    found = [ratios(model)['feature'] for _ in range(14)]
    assert found[0] == 0.0 and found[2:10] == pytest.approx([0.03 * step for step in range(2, 10)], rel=1e-3)
    assert found[10:] == pytest.approx([0.3] * 4, rel=1e-3)


def test_measurements_come_at_the_interval_in_training_only():
    model = balanced(interval=3, momentum=0.0)
    factors = []
    for step in range(7):
        model(**toy_batch(step, step + 1), mode='loss')
        factors.append(model.balance.factors.tolist())
    changes = [step for step in range(1, 7) if factors[step] != factors[step - 1]]
    assert factors[0] != [1.0, 1.0] and changes == [3, 6]
    model.eval()
    model(**toy_batch(1, 2), mode='loss')
    assert model.balance.factors.tolist() == factors[-1]


def test_factors_are_saved_and_go_on_after_a_resume():
    model = balanced(interval=1)
    for _ in range(3):
        model(**toy_batch(1, 2), mode='loss')
    other = balanced(interval=1)
    other.load_state_dict(copy.deepcopy(model.state_dict()), strict=True)
    other.set_progress(3)
    for _ in range(2):
        one, two = (each(**toy_batch(4, 5), mode='loss') for each in (model, other))
        assert all(torch.equal(one[key], two[key]) for key in one if key.startswith('loss_distill'))
    assert torch.equal(model.balance.factors, other.balance.factors)


def test_measurements_are_averaged_geometrically():
    balance = GradientNormBalance(shares=dict(one=1.0), momentum=0.5)
    for norm in (1.0, 0.01):  # wanted are factors of 1 and of 100
        report = GradientReport(('one', TASK), torch.tensor([[norm**2, 0.0], [0.0, 1.0]], dtype=torch.float64))
        balance.update(report, dict(one=PairValue(torch.tensor(1.0), torch.tensor(1.0), 1.0)), dict(one=1.0))
    assert float(balance.factors) == pytest.approx(10.0)


def test_factors_stay_within_limits_and_nonsense_is_refused():
    model = balanced(interval=1, limits=(0.9, 1.1))
    for _ in range(3):
        model(**toy_batch(1, 2), mode='loss')
    assert all(0.9 <= factor <= 1.1 for factor in model.balance.factors.tolist())
    for bad in (dict(shares={}), dict(shares=dict(a=0.0)), dict(shares=SHARES, momentum=1.0),
                dict(shares=SHARES, interval=0), dict(shares=SHARES, limits=(2, 1))):
        with pytest.raises(ValueError, match='GradientNormBalance'):
            GradientNormBalance(**bad)
    with pytest.raises(ValueError, match='no pairs nose; there are: feature, response'):
        build(dict(type='GradientNormBalance', shares=dict(nose=0.1)))
