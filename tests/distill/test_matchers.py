"""Matchers: the index rules, the pairs that come of them, and what a config may do with those."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
import torch
from mmengine.config import ConfigDict

from perception_kd.distill import Distiller
from perception_kd.distill.connectors import BEVResample, Chain, Conv1x1
from perception_kd.distill.losses import MGD
from perception_kd.distill.matchers import LayerMatch, assign_layers, entry_of, expand_matchers, pair_alone
from perception_kd.engine.pair_trial import _try
from perception_kd.structures import TapSpec
from tests.distill.toys import GRID, ToyStudent, toy_batch, toy_teacher


@pytest.mark.parametrize(('students', 'teachers'), [(1, 1), (3, 3), (3, 4), (4, 12), (6, 4), (5, 2)])
def test_forward_and_reverse_follow_the_formula(students, teachers):
    forward = [math.ceil(i * teachers / students) for i in range(1, students + 1)]
    assert [place + 1 for place in assign_layers('forward', students, teachers)] == forward
    reverse = [forward[students + 1 - i - 1] for i in range(1, students + 1)]
    assert [place + 1 for place in assign_layers('reverse', students, teachers)] == reverse
    assert forward[-1] == teachers, 'the deepest learns from the deepest'


def test_all_to_one_and_random():
    assert assign_layers('all_to_one', 3, 4) == [3, 3, 3]
    assert assign_layers('all_to_one', 2, 4, to=1) == [1, 1]
    draws = {tuple(assign_layers('random', 4, 8, seed)) for seed in range(20)}
    assert all(sorted(draw) == [1, 3, 5, 7] for draw in draws) and len(draws) > 5
    assert assign_layers('random', 4, 8, 3) == assign_layers('random', 4, 8, 3)


def match(**changes) -> dict:
    return {**dict(type='LayerMatch', student=['bev', 'bev'], teacher=['lidar.bev_s8', 'lidar.bev_s16'], weight=0.3),
            **changes}


def distiller(**pairs) -> Distiller:
    torch.manual_seed(0)
    balance = pairs.pop('balance', None)
    return Distiller(student=ToyStudent(), teachers=dict(lidar=toy_teacher()), pairs=pairs, balance=balance)


def test_a_matcher_is_its_pairs_written_by_hand():
    resampled = [dict(type='BEVResample'), dict(type='Conv1x1')]
    by_hand = dict(
        layers_0=dict(student='bev', teacher='lidar.bev_s16', connector=resampled, weight=0.3,
                      mask=dict(type='ActiveCells'), loss=dict(type='L1')),
        layers_1=dict(student='bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'), weight=0.3,
                      mask=dict(type='ActiveCells'), loss=dict(type='L1')))
    one = distiller(layers=match(strategy='reverse', mask=dict(type='ActiveCells'), loss=dict(type='L1')))
    other = distiller(**by_hand)
    assert {key: value.shape for key, value in one.state_dict().items()} == {
        key: value.shape for key, value in other.state_dict().items()}
    torch.manual_seed(5)
    mine = one(**toy_batch(1, 2), mode='loss')
    torch.manual_seed(5)
    theirs = other(**toy_batch(1, 2), mode='loss')
    assert set(mine) == set(theirs) and {'loss_distill.layers_0', 'loss_distill.layers_1'} < set(mine)
    assert all(torch.equal(mine[key], theirs[key]) for key in mine if key.startswith('loss_distill'))
    assert one.weights == dict(layers_0=0.3, layers_1=0.3)


def test_grids_that_differ_are_resampled_and_equal_ones_are_not():
    pairs = distiller(layers=match()).pairs
    assert type(pairs['layers_0'].connector) is Conv1x1
    chain = pairs['layers_1'].connector
    assert type(chain) is Chain and [type(link) for link in chain.links] == [BEVResample, Conv1x1]
    specs = {'bev': TapSpec('bev', 'bev', 6, '', grid=GRID)}
    others = {'lidar.bev_s8': specs['bev'], 'lidar.bev_s16': TapSpec('b', 'bev', 6, '', grid=GRID.coarser(2))}
    found = LayerMatch(student=['bev', 'bev'], teacher=list(others), connector=None).expand('x', specs, others)
    assert found['x_0']['connector'] is None and found['x_1']['connector'] == [dict(type='BEVResample')]


def test_pairs_share_no_parts_that_learn():
    pairs = distiller(layers=match(loss=MGD(channels=6), connector=Conv1x1(in_channels=4, out_channels=6))).pairs
    assert len(pairs) == 2 and len({id(weight) for weight in pairs.parameters()}) == 2 * (4 + 2)


def test_one_of_its_pairs_can_be_left_out_and_balanced():
    balance = dict(type='GradientNormBalance', shares=dict(layers_0=0.5), interval=1)
    model = distiller(layers=match(), layers_1=None, balance=balance)
    assert list(model.pairs) == ['layers_0']
    model(**toy_batch(1, 2), mode='loss')
    assert bool(model.balance.measured[0])


@pytest.mark.parametrize(('changes', 'message'), [
    (dict(strategy='search'), "pair 'layers': LayerMatch: strategy is one of forward, reverse, all_to_one, random"),
    (dict(student='bev'), 'student is a list of taps, shallow to deep'),
    (dict(teacher=[]), 'teacher is a list of taps'),
    (dict(to=2), 'there is no teacher tap number 2 of 2'),
    (dict(student=['bev', 'deep']), "pair 'layers_1': there is no student tap 'deep'"),
    (dict(type='Search'), "pair 'layers': unknown matcher 'Search'; there are: LayerMatch"),
    (dict(lost=1), "unexpected keyword argument 'lost'"),
])
def test_bad_matchers(changes, message):
    with pytest.raises(ValueError, match=message):
        distiller(layers=match(**changes))


def test_two_pairs_of_one_name_are_refused():
    with pytest.raises(ValueError, match="pair 'layers' stands for layers_0, which there is already"):
        expand_matchers(dict(layers_0=dict(student='bev'), layers=match()), {}, {})


def test_a_pair_of_a_matcher_can_stand_alone():
    pairs = dict(first=dict(student='bev'), layers=match(), gone=None)
    assert [entry_of(pairs, name) for name in ('first', 'layers_1')] == ['first', 'layers']
    assert pair_alone(pairs, 'first', weight=1.0) == dict(first=dict(student='bev', weight=1.0))
    assert pair_alone(pairs, 'layers_1', weight=1.0) == dict(layers=match(weight=1.0), layers_0=None)
    with pytest.raises(KeyError, match='layers_2'):
        entry_of(pairs, 'layers_2')


def test_the_trial_of_pairs_takes_a_matchers():
    model = ConfigDict(type='Distiller', student=ToyStudent(dropout=0.0), teachers=dict(lidar=toy_teacher()),
                       pairs=dict(layers=match()))
    cfg = SimpleNamespace(model=model, randomness=SimpleNamespace(seed=0))
    found = _try(cfg, 'layers_1', [toy_batch(1, 2)], steps=2, learning_rate=0.01)
    assert found['weight'] == 0.3 and found['weights_moved'] > 0
