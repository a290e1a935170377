"""SGBM: exact on made pairs, its holes by a loop, its settings, its tuning."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception_kd.evaluation.stereo.fill import fill_background
from perception_kd.evaluation.stereo.pairs import PairSource, samples
from perception_kd.evaluation.stereo.protocols import protocol_of
from perception_kd.evaluation.stereo.sgbm import SGBM, SGBMSettings, read_settings, write_settings
from perception_kd.evaluation.stereo.stored import measure_sample
from perception_kd.evaluation.stereo.tuning import tune_sgbm
from tests.evaluation.stereo.pair_folder import BACK, FRONT, make_pair

SMALL = SGBMSettings(max_disp=16, block_size=3)


def test_finds_the_disparity_of_the_left_picture() -> None:
    """Plane and square within 1/4 px, up to the left rim; swapped pictures are not matched so."""
    pair = make_pair(0)
    found = SGBM(SMALL)(pair['left'], pair['right'])
    assert np.isfinite(found).all()
    assert np.median(found[15:33, 45:65]) == pytest.approx(FRONT, abs=0.25)
    assert np.mean(np.abs(found[:, 72:90] - BACK) < 0.25) > 0.97
    error = np.abs(found - pair['disp'])[pair['noc']]
    assert np.mean(error > 1) < 0.08
    swapped = SGBM(SMALL)(pair['right'], pair['left'])
    assert np.mean(np.abs(swapped - pair['disp'])[pair['noc']] > 1) > 0.5


def test_what_a_check_drops_is_filled_from_behind() -> None:
    """Without filling there are holes where the right picture sees nothing; filled they have the background's value."""
    pair = make_pair(1)
    hidden = np.s_[15:33, 34:38]
    holes = SGBM(replace(SMALL, fill='none'))(pair['left'], pair['right'])
    assert np.isnan(holes[hidden]).mean() > 0.8
    filled = SGBM(SMALL)(pair['left'], pair['right'])
    np.testing.assert_array_equal(filled[np.isfinite(holes)], holes[np.isfinite(holes)])
    assert np.abs(filled[hidden] - BACK).max() < 2 < FRONT - BACK


def _filled_by_loop(disparity: np.ndarray) -> np.ndarray:
    filled, rows = disparity.copy(), [row for row in range(len(disparity)) if np.isfinite(disparity[row]).any()]
    for row in rows:
        known = [column for column in range(disparity.shape[1]) if np.isfinite(disparity[row, column])]
        for column in range(disparity.shape[1]):
            if column not in known:
                left = [disparity[row, one] for one in known if one < column][-1:]
                right = [disparity[row, one] for one in known if one > column][:1]
                filled[row, column] = min(left + right)
    for row in range(len(disparity)):
        filled[row] = filled[min(rows, key=lambda one: (abs(one - row), one))]
    return filled


@pytest.mark.parametrize('seed', range(4))
def test_filling_equals_a_loop(seed: int) -> None:
    """Random holes, whole rows among them, at the rims too."""
    random = np.random.default_rng(seed)
    disparity = random.uniform(0, 50, (11, 9)).astype(np.float32)
    disparity[random.random(disparity.shape) < 0.6] = random.choice([np.nan, np.inf])
    disparity[random.random(11) < 0.4] = np.nan
    disparity[5, 4] = 7
    np.testing.assert_array_equal(fill_background(disparity), _filled_by_loop(disparity))


def test_nothing_to_fill_from() -> None:
    """Two pictures of nothing in common are told, not filled with zeros."""
    with pytest.raises(ValueError, match='no pixel of the map has a disparity'):
        fill_background(np.full((3, 3), np.nan))


@pytest.mark.parametrize('change', [{'block_size': 4}, {'p1': 40.0}, {'mode': 'bm'}, {'max_disp': 0}, {'median': 4},
                                    {'uniqueness': 101}, {'fill': 'none', 'median': 3}])
def test_bad_settings(change: dict) -> None:
    """The one that is wrong is named."""
    with pytest.raises(ValueError, match='SGBM does not take'):
        SGBMSettings(**change)


def test_settings_in_files(tmp_path: Path) -> None:
    """Written ones come back, changes win; an object of settings alone is read too; others are refused in one line."""
    path = tmp_path / 'sgbm.json'
    write_settings(path, replace(SMALL, p2=64.0), figure='BP-2')
    assert read_settings(path, max_disp=32, fill=None) == replace(SMALL, p2=64.0, max_disp=32)
    path.write_text(json.dumps({'block_size': 7}))
    assert read_settings(path) == SGBMSettings(block_size=7)
    for text, message in (('{', 'no JSON'), ('[1]', 'are an object of'), ('{"blocks": 3}', 'are an object of'),
                          ('{"block_size": "3"}', 'block_size is a int'), ('{"block_size": 4}', 'does not take')):
        path.write_text(text)
        with pytest.raises(ValueError, match=message):
            read_settings(path)


def test_pictures_must_fit() -> None:
    """Sizes are told."""
    pair = make_pair(0)
    with pytest.raises(ValueError, match='must be of one size'):
        SGBM(SMALL)(pair['left'], pair['right'][:-1])


def test_tuning() -> None:
    """It finds the best of its grid, as trying all does, scores nothing twice, and tells what it cannot score."""
    pairs = [dict(left_path='l', scene=str(seed), left=pair['left'], right=pair['right'], noc=pair['noc'],
                  disp=np.where(np.isfinite(pair['disp']), pair['disp'], 0), valid=np.isfinite(pair['disp']))
             for seed in (2, 3) for pair in [make_pair(seed)]]
    grid, rules, start = {'block_size': (1, 3, 9), 'median': (0, 5)}, protocol_of('middlebury'), replace(SMALL, p1=1.0)
    found = tune_sgbm(pairs, start, protocol=rules, figure='BP-1', grid=grid)
    every = {}
    for block in grid['block_size']:
        for median in grid['median']:
            settings = replace(start, block_size=block, median=median)
            maps = [SGBM(settings)(pair['left'], pair['right']) for pair in pairs]
            every[settings] = np.mean([100 * np.mean(np.abs(one - pair['disp'])[pair['noc']] > 1)
                                       for one, pair in zip(maps, pairs)])
    assert found.after == pytest.approx(every[found.settings]) and found.before == pytest.approx(every[start])
    assert found.after <= found.before and found.tried <= len(every)
    assert found.after == pytest.approx(min(every.values()))
    with pytest.raises(ValueError, match="no figure 'BP-7'"):
        tune_sgbm(pairs, start, protocol=rules, figure='BP-7')
    with pytest.raises(ValueError, match='no pair to tune on'):
        tune_sgbm([], start, protocol=rules)


@pytest.mark.real_data
def test_on_a_real_pair(real_data: Path) -> None:
    """Middlebury's Motorcycle at quarter size: on visible pixels about what is published for SGBM there, no hole."""
    source = PairSource(root=real_data / 'stereo', layout='middlebury', split='middlebury2014q_motorcycle_sttr')
    (sample,) = samples(source.open())
    disparity = SGBM(SGBMSettings(max_disp=64))(sample['left'], sample['right'])
    found = measure_sample(disparity, sample, protocol_of('middlebury')).regions['noc']
    assert found.predicted == found.pixels > 250_000
    assert found.error / found.pixels < 1.0 and found.bad[2] / found.pixels < 0.06
