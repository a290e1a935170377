"""Radar sweeps and points drawn in training, as CRN draws them."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from perception_kd.datasets.transforms import LoadPastFrames, LoadRadarSweeps


def cloud(raw: dict, seed: int = 0, **options: object) -> np.ndarray:
    np.random.seed(seed)
    return LoadRadarSweeps(sweeps_num=2, **options)(copy.deepcopy(raw))['radar']


def sweeps(points: np.ndarray, raw: dict) -> set[tuple[str, int]]:
    """Radar and number of the sweep, 0 being the key one, of every age in a cloud."""
    ages = {round(raw['timestamp'] - sweep['timestamp'], 4): (channel, back)
            for channel, radar in raw['radar_points'].items()
            for back, sweep in enumerate((radar, *radar['sweeps'][:2]))}
    return {ages[round(float(age), 4)] for age in np.unique(points[:, 6])}


def test_sweeps_are_drawn_for_all_radars_together(raw):
    kept = []
    for seed in range(30):
        drawn = sweeps(cloud(raw, seed, draw_sweeps=2), raw)
        numbers = {back for _, back in drawn}
        assert len(numbers) == 2 and drawn == {(channel, back) for channel in raw['radar_points'] for back in numbers}
        kept.append(numbers)
    assert {tuple(sorted(numbers)) for numbers in kept} == {(0, 1), (0, 2), (1, 2)}


def test_drawn_sweeps_are_whole_and_as_without_drawing(raw):
    everything, drawn = cloud(raw), cloud(raw, 3, draw_sweeps=1)
    np.testing.assert_array_equal(drawn, everything[np.isin(everything[:, 6], drawn[:, 6])])
    assert 0 < len(drawn) < len(everything)


def test_points_are_left_out_at_random(raw):
    everything = cloud(raw)
    counts = [len(cloud(raw, seed, drop_points=0.3)) for seed in range(40)]
    assert len(set(counts)) > 5
    share = 1 - np.mean(counts) / len(everything)
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / (40 * len(everything))))
    kept = {tuple(row) for row in cloud(raw, 1, drop_points=0.3)}
    assert kept <= {tuple(row) for row in everything}


def test_nothing_is_drawn_where_all_is_wanted(raw):
    wanted = cloud(raw)
    before = np.random.get_state()[1].copy()
    for options in (dict(draw_sweeps=3), dict(draw_sweeps=9), {}):
        np.testing.assert_array_equal(cloud(raw, **options), wanted)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_past_frames_draw_their_own(raw):
    raw['past'] = [copy.deepcopy(raw) for _ in range(3)]
    load = LoadRadarSweeps(drop_points=0.5)
    np.random.seed(0)
    past = LoadPastFrames(transforms=[load])(load(raw))['past']
    assert len({frame['radar'].tobytes() for frame in (raw, *past)}) == 4


@pytest.mark.parametrize('options', [dict(draw_sweeps=0), dict(drop_points=1.0), dict(drop_points=-0.1)])
def test_bad_settings(options):
    with pytest.raises(ValueError, match=r'draw_sweeps must be None or at least 1 and drop_points in \[0, 1\)'):
        LoadRadarSweeps(**options)
