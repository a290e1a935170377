"""Global ranking in round steps: by hand, and against all choices there are."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from perception_kd.compress.prune.rank import rank_channels


def test_by_hand() -> None:
    importance = dict(a=torch.tensor([5.0, 1.0, 6.0, 2.0, 0.5, 7.0]), b=torch.tensor([0.1, 9.0, 0.2, 9.0, 3.0]))
    # Steps of two: a loses {4, 1} (mean 0.75), then {3, 0} (3.5); b first the odd channel {0} (0.1), then {2, 4} (1.6).
    kept = {ratio: {name: stays.tolist() for name, stays in rank_channels(
        importance, ratio / 11, round_to=2, min_keep=2).items()} for ratio in (0, 1, 3, 5, 7)}
    assert kept[0] == dict(a=[0, 1, 2, 3, 4, 5], b=[0, 1, 2, 3, 4])
    assert kept[1] == dict(a=[0, 1, 2, 3, 4, 5], b=[1, 2, 3, 4])
    assert kept[3] == dict(a=[0, 2, 3, 5], b=[1, 2, 3, 4])
    assert kept[5] == dict(a=[0, 2, 3, 5], b=[1, 3])
    assert kept[7] == dict(a=[2, 5], b=[1, 3])


def lost(values: Tensor, count: int) -> float:
    return float(values.sort().values[:count].sum())


def test_loses_least_of_all_choices_of_as_many_channels() -> None:
    draw = torch.Generator().manual_seed(3)
    importance = {name: torch.rand(size, generator=draw) for name, size in dict(a=8, b=12, c=6).items()}
    for ratio in (0.2, 0.4, 0.6):
        kept = rank_channels(importance, ratio, round_to=2, min_keep=2)
        removed = {name: len(values) - len(kept[name]) for name, values in importance.items()}
        assert abs(sum(removed.values()) - ratio * 26) <= 1
        others = [counts for counts in product(range(0, 7, 2), range(0, 11, 2), range(0, 5, 2))
                  if sum(counts) == sum(removed.values())]
        losses = [sum(map(lost, importance.values(), counts)) for counts in others]
        assert sum(lost(importance[name], count) for name, count in removed.items()) == pytest.approx(min(losses))
        for name, values in importance.items():
            gone = sorted(set(range(len(values))) - set(kept[name].tolist()))
            assert not gone or values[gone].max() < values[kept[name]].min()


def test_small_groups_stay_and_widths_are_round() -> None:
    importance = dict(small=torch.zeros(6), odd=torch.arange(127.0), large=torch.arange(64.0) / 100)
    kept = rank_channels(importance, 0.6, round_to=4, min_keep=8)
    assert len(kept['small']) == 6 and len(kept['large']) == 8
    assert len(kept['odd']) % 4 == 0 and kept['odd'].tolist() == list(range(127 - len(kept['odd']), 127))


@pytest.mark.parametrize(('ratio', 'settings', 'words'), [
    (0.9, dict(min_keep=4), 'at most 0.500 can'), (1.0, {}, 'ratio lies in'), (0.1, dict(round_to=0), '1 or more')])
def test_bad_input(ratio: float, settings: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        rank_channels(dict(a=torch.ones(8)), ratio, **settings)


def test_importance_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ValueError, match='importance of b is not finite'):
        rank_channels(dict(a=torch.ones(4), b=torch.tensor([1.0, float('nan')])), 0.5)
