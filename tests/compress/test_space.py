"""Drawing the candidates of a block."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch import nn

from perception_kd.compress.search.layer_choices import check_choices, draw_layer, ending_in
from perception_kd.compress.search.space import candidate_id
from perception_kd.registry import MODELS
from tests.compress.toy_search import ToySearchSpace

SPACE = ToySearchSpace()


def weights(module: nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters())


def teacher(width: int = 16) -> nn.Module:
    return MODELS.build(dict(type='ToySearchNet', blocks={name: dict(width=width, depth=3) for name in 'ab'}))


def test_candidates_are_quicker_than_the_teachers_block_and_spread_over_what_they_cost() -> None:
    net, limit = teacher(), weights(teacher().blocks['a'])
    drawn = SPACE.sample('a', 4, np.random.default_rng(0), net, weights)
    costs = [weights(SPACE.build('a', spec, net)) for spec in drawn]
    every = sorted(cost for width in range(2, 20) for depth in (1, 2, 3)
                   if (cost := weights(SPACE.build('a', dict(width=width, depth=depth), net))) < limit)
    assert len({candidate_id(spec) for spec in drawn}) == 4 and max(costs) < limit
    for part, cost in enumerate(costs):  # designs of one convolution all cost the same
        low, high = (np.searchsorted(every, cost, side=side) / len(every) for side in ('left', 'right'))
        assert low <= (part + 1) / 4 + 0.05 and high >= part / 4 - 0.05, (part, costs)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (SPACE.sample('b', 3, np.random.default_rng(seed), teacher(), weights) for seed in (1, 1, 2))
    assert first == again != other


def test_too_few_quick_designs_are_told() -> None:
    with pytest.raises(ValueError, match=r"block a: \d+ of \d+ designs .* cost less than the teacher's, 30 are asked"):
        SPACE.sample('a', 30, np.random.default_rng(0), teacher(width=5), weights)
    with pytest.raises(ValueError, match="ToySearchSpace has no block 'c'; it has a, b"):
        SPACE.sample('c', 1, np.random.default_rng(0), teacher(), weights)


def test_a_design_has_one_name() -> None:
    spec = dict(layers=[dict(type='conv', kernel=(1, 3, 3))], merge=None)
    assert candidate_id(spec) == candidate_id(json.loads(json.dumps(dict(reversed(spec.items())))))
    assert candidate_id(spec) != candidate_id({**spec, 'merge': 'sum'}) and len(candidate_id(spec)) == 8


def test_layers_end_in_the_channels_that_the_block_has() -> None:
    layers = [dict(type='conv', channels=4), dict(type='apc', channels=8), dict(type='excite')]
    found = ending_in(6, layers, passing=('excite',))
    assert found == [layers[0], dict(type='apc', channels=6), layers[2]] and layers[1]['channels'] == 8
    assert ending_in(6, [dict(type='excite')], passing=('excite',)) == [dict(type='excite')]


def test_layers_are_drawn_from_their_choices() -> None:
    rng = np.random.default_rng(0)
    drawn = [draw_layer('conv', dict(channels=(0.5, 2), kernel=((1, 3, 3), 3)), 6, rng) for _ in range(40)]
    assert {(layer['channels'], layer['kernel']) for layer in drawn} == {
        (channels, kernel) for channels in (3, 12) for kernel in ((1, 3, 3), 3)}
    assert draw_layer('conv', dict(channels=(0.1,)), 4, rng) == dict(type='conv', channels=1)
    for bad in ((), 'relu', 3):
        with pytest.raises(ValueError, match='grammar of a thing: act is a list of one choice or more'):
            check_choices('a thing', dict(kernel=(3,)), dict(act=bad))
