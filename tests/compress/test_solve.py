"""The solver against brute force."""

from itertools import product

import numpy as np
import pytest

from perception_kd.compress.search.solve import Choice, Combination, least_latency, solve


def table_of(rng: np.random.Generator, blocks: int = 4, candidates: int = 5, *, decimals: int = 6) -> dict:
    """Choices with the teacher's block among them."""
    return {f'b{block}': [Choice('teacher', 0.0, 0.0)] + [
        Choice(f'c{one}', round(-float(rng.uniform(0.1, 9)), decimals), round(float(rng.normal(0.5, 1)), decimals))
        for one in range(candidates - 1)] for block in range(blocks)}


def by_force(table: dict, budget: float) -> list[Combination]:
    """Every combination within the budget, best first."""
    every = (Combination.of(dict(zip(table, choices))) for choices in product(*table.values()))
    good = [one for one in every if one.latency <= budget + 1e-9]
    return sorted(good, key=lambda one: (round(one.loss, 9), one.latency))


@pytest.mark.parametrize('seed', range(4))
def test_the_best_combinations_are_those_of_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    table = table_of(rng)
    budget = float(rng.uniform(least_latency(table), 0))
    found, expected = solve(table, budget, top=6), by_force(table, budget)[:6]
    assert [one.names for one in found] == [one.names for one in expected]
    assert [one.loss for one in found] == pytest.approx([one.loss for one in expected])
    assert all(one.latency <= budget for one in found)


def test_of_equally_good_ones_the_fastest_comes_first() -> None:
    rng = np.random.default_rng(0)
    table = {block: [Choice(one.name, one.latency, round(one.loss)) for one in choices]
             for block, choices in table_of(rng).items()}
    for budget in (0.0, -10.0):
        found, expected = solve(table, budget, top=4), by_force(table, budget)[:4]
        assert [(one.loss, pytest.approx(one.latency)) for one in found] == [(one.loss, one.latency)
                                                                            for one in expected]


def test_a_budget_that_is_met_exactly_is_met() -> None:
    table = {'a': [Choice('x', -0.1, 1.0), Choice('y', 0.0, 0.0)], 'b': [Choice('x', -0.2, 1.0), Choice('y', 0.0, 0.0)]}
    assert solve(table, -0.1 - 0.2)[0].names == {'a': 'x', 'b': 'x'}  # 0.30000000000000004
    assert solve(table, -0.3)[0].names == {'a': 'x', 'b': 'x'}
    assert solve(table, 0.0)[0].names == {'a': 'y', 'b': 'y'}


@pytest.mark.parametrize('scale', [1e-6, 1e5])
def test_units_do_not_matter(scale: float) -> None:
    table = table_of(np.random.default_rng(7), decimals=9)
    scaled = {block: [Choice(one.name, one.latency * scale, one.loss * scale) for one in choices]
              for block, choices in table.items()}
    expected = [one.names for one in solve(table, -12.0, top=3)]
    assert [one.names for one in solve(scaled, -12.0 * scale, top=3)] == expected


def test_there_may_be_fewer_than_asked_for() -> None:
    table = table_of(np.random.default_rng(1), blocks=2, candidates=2)
    assert len(solve(table, 0.0, top=10)) == 4


def test_what_cannot_be_solved_is_said() -> None:
    table = table_of(np.random.default_rng(2))
    least = least_latency(table)
    assert least == pytest.approx(min(one.latency for one in by_force(table, 0.0)))
    with pytest.raises(ValueError, match=f'the smallest possible is {least:g} ms'):
        solve(table, least - 0.01)
    with pytest.raises(ValueError, match=f'takes 50 ms or less; the smallest possible is {100 + least:g}'):
        solve(table, 50, base=100)
    assert solve(table, 100 + least / 2, base=100) == solve(table, least / 2)
    with pytest.raises(ValueError, match='for block empty'):
        solve({**table, 'empty': []}, 0.0)
    with pytest.raises(ValueError, match='no block'):
        solve({}, 0.0)
