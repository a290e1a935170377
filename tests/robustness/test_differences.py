"""Differences between models and their intervals, by hand and against scoring each draw by itself."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.robustness.differences import difference
from perception_kd.robustness.scene_draws import SceneDraws
from perception_kd.robustness.table import difference_table
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.tiny_world import VERSION


def table(name: str, clean: float, scores: list[float]) -> dict:
    both = dict(NDS=scores, mAP=[score / 2 for score in scores])
    mean = {key: float(np.mean(values)) for key, values in both.items()}
    return dict(name=name, clean=dict(NDS=clean, mAP=clean / 2), mRR=dict(NDS=mean['NDS'] / clean, mAP=1.0),
                faults=dict(fog=dict(severities=[1, 2], mean=mean, **both)))


def drawn(clean: list[float], fog: list[list[float]]) -> dict:
    return dict(clean=dict(NDS=np.array([clean])), fog=dict(NDS=np.array(fog)))


def test_by_hand():
    one, two = table('new', 0.5, [0.4, 0.2]), table('old', 0.4, [0.1, 0.1])
    found = difference(one, two, drawn([0.5, 0.5], [[0.4, 0.6], [0.2, 0.2]]), drawn([0.4, 0.5], [[0.1, 0.1]] * 2))
    assert found['clean']['NDS'] == pytest.approx(0.1) and found['faults']['fog']['NDS'] == pytest.approx([0.3, 0.1])
    assert found['mean']['NDS'] == pytest.approx(0.2) == 2 * found['mean']['mAP']
    # Draws of the mean: 0.3 - 0.1 and 0.4 - 0.1; of the clean score: 0.1 and 0; of mRR: 0.6 - 0.25 and 0.8 - 0.2.
    for key, low, high in (('mean', 0.2, 0.3), ('clean', 0.0, 0.1), ('mRR', 0.35, 0.6)):
        assert found[key]['interval'] == pytest.approx([low + 0.025 * (high - low), high - 0.025 * (high - low)])
    text = difference_table(found)
    assert '| fog        | +0.3000 | +0.1000 | +0.2000 | +0.2025 .. +0.2975 |  +0.1000 |' in text
    assert 'mRR: +35.0 points (+35.6 .. +59.4).' in text


def test_without_draws_there_are_no_intervals_and_without_scores_blanks():
    one, two = table('new', 0.5, [0.4, 0.2]), table('old', 0.4, [0.1, 0.1])
    one['faults']['fog'].update(NDS=[None, 0.2], mean=dict(NDS=None, mAP=None))
    one['mRR'] = dict(NDS=None, mAP=None)
    found = difference(one, two, {}, {})
    assert found['faults']['fog']['NDS'] == [None, pytest.approx(0.1)] and found['mean']['NDS'] is None
    assert all(found[key]['interval'] is None for key in ('clean', 'mean', 'mRR'))
    assert 'mRR: - points.' in difference_table(found)


def test_draws_are_those_of_the_devkit_for_one_scene_alone(tiny_root: Path, tmp_path: Path):
    """Of two scenes, a draw is both, or one of them twice, which scores nearly as that one alone."""
    content = disturb(perfect_results(tiny_root, VERSION, 'tiny_train'), seed=1)
    rows, tokens = content['results'], list(content['results'])
    path = save(tmp_path / 'results.json', content)
    draws = SceneDraws(data_root=tiny_root, version=VERSION, tokens=tokens, resamples=40)
    found = draws.scores(path)
    alone = {}
    for place, chosen in enumerate((tokens[:3], tokens[3:])):
        part = save(tmp_path / f'{place}.json', {**content, 'results': {token: rows[token] for token in chosen}})
        alone[place] = evaluate_devkit(part, tiny_root, VERSION, 'tiny_train', sample_tokens=chosen)
    both = evaluate_devkit(path, tiny_root, VERSION, 'tiny_train')
    expected = {(1, 1): both, (2, 0): alone[0], (0, 2): alone[1]}
    weights = [tuple(row) for row in draws.weights.tolist()]
    assert set(weights) == set(expected) and Counter(weights)[1, 1] > 10
    for weight, nds, mean_ap in zip(weights, found['NDS'], found['mAP']):
        near = 1e-9 if weight == (1, 1) else 5e-3  # twice the same boxes: curves are read between more points
        assert nds == pytest.approx(expected[weight]['nd_score'], abs=near)
        assert mean_ap == pytest.approx(expected[weight]['mean_ap'], abs=near)
    assert abs(alone[0]['nd_score'] - alone[1]['nd_score']) > 0.02 < abs(both['nd_score'] - alone[0]['nd_score'])


def test_a_single_scene_has_no_draws(tiny_root: Path, tmp_path: Path):
    content = perfect_results(tiny_root, VERSION, 'tiny_val')
    draws = SceneDraws(data_root=tiny_root, version=VERSION, tokens=list(content['results']), resamples=40)
    assert draws.scores(save(tmp_path / 'results.json', content)) == dict(NDS=[], mAP=[])
