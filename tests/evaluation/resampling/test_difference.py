"""Differences of two models: against the devkit, on models without a difference, and on ones with a known one."""

from __future__ import annotations

import json

import numpy as np
import pytest

from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.report import METRICS
from perception_kd.evaluation.resampling.bootstrap import sampled_metrics
from perception_kd.evaluation.resampling.difference import MetricDifference, compare, count_steps, holm, smallest_p
from perception_kd.evaluation.resampling.difference_table import as_dict, format_difference
from perception_kd.evaluation.resampling.ranking import Ranking, merge, rank
from tests.evaluation.random_boxes import devkit_metrics, random_predictions, random_truth

SETTINGS = OfficialSettings()
META = dict(first=['a.json'], second=['b.json'], scenes=10, key_frames=20, version='v', split='s', world='',
            resamples=100, seed=0)


def model(truth: BoxArrays, predicted: BoxArrays, scene: np.ndarray) -> dict[str, Ranking]:
    return rank(truth, predicted, scene, SETTINGS)


@pytest.mark.parametrize('scores', [None, 4])
def test_models_that_change_places_are_the_devkits_mixed_result_file(scores: int | None) -> None:
    """In some scenes the second model answers, in the others the first."""
    rng, scene = np.random.default_rng(7), np.array([0, 0, 1, 2, 2])
    truth = random_truth(rng, 5)
    first, second = (random_predictions(rng, truth, 5, scores) for _ in range(2))
    ranked = [model(truth, one, scene) for one in (first, second)]
    both = {name: merge(*(one[name] for one in ranked)) for name in SETTINGS.class_range}
    swaps = np.array([[0, 0, 0], [1, 0, 1], [0, 1, 0], [1, 1, 1]])
    found = sampled_metrics(both, np.hstack([1 - swaps, swaps]), SETTINGS)
    for row, swap in enumerate(swaps):
        parts = [first.take(swap[scene][first.frame] == 0), second.take(swap[scene][second.frame] == 1)]
        mixed = BoxArrays(**{name: np.concatenate([getattr(part, name) for part in parts])
                             for name in first.__dataclass_fields__})
        expected = devkit_metrics(truth, mixed.take(np.argsort(mixed.frame, kind='stable')), 5)
        for name in METRICS:
            assert found[name][row] == pytest.approx(expected[name], abs=1e-12, nan_ok=True), name


def test_differences_are_those_of_the_devkits_numbers() -> None:
    rng, scene = np.random.default_rng(3), np.arange(6) // 2
    truth = random_truth(rng, 6, classes=10, most=9)
    first, second = (random_predictions(rng, truth, 6) for _ in range(2))
    steps: list[str] = []
    found = compare([model(truth, first, scene)], [model(truth, second, scene)], SETTINGS, resamples=9, seed=0,
                    progress=steps.append)
    theirs, others = devkit_metrics(truth, first, 6), devkit_metrics(truth, second, 6)
    assert [one.name for one in found] == list(METRICS) and len(steps) == count_steps(1, 9)
    for one in found:
        if one.difference is None:
            assert np.isnan(theirs[one.name])
        else:
            assert (one.first, one.second) == pytest.approx((theirs[one.name], others[one.name]), abs=1e-12)
            assert one.difference == pytest.approx(others[one.name] - theirs[one.name], abs=1e-12)
            assert one.interval[0] <= one.interval[1] and 0 < one.p_value <= one.adjusted <= 1


def test_a_model_does_not_differ_from_itself() -> None:
    rng, scene = np.random.default_rng(1), np.arange(8)
    truth = random_truth(rng, 8)
    same = model(truth, random_predictions(rng, truth, 8, scores=5), scene)
    found = [one for one in compare([same], [same], SETTINGS, resamples=30, seed=0) if one.difference is not None]
    assert len(found) > 15
    for one in found:
        assert one.difference == 0 and one.interval == (0, 0) and one.p_value == one.adjusted == 1
        assert not one.significant and not one.better
    assert 'significant": true' not in json.dumps(as_dict(found, META)) and '*' not in format_lines(found)


def format_lines(found: list[MetricDifference]) -> str:
    return format_difference(found, META).split('\n\ninterval:')[0]


def blind(truth: BoxArrays, scene: np.ndarray, rng: np.random.Generator, recall: float) -> dict[str, Ranking]:
    """A model that finds a share of the boxes, more in some scenes than in others, at random scores."""
    rate = np.clip(recall + rng.normal(0, 0.1, scene.max() + 1), 0, 1)[scene][truth.frame]
    found = truth.take(rng.random(len(truth)) < rate)
    return model(truth, found.replace(score=rng.random(len(found)), velocity=np.zeros((len(found), 2))), scene)


def p_values(recalls: tuple[float, float], trials: int) -> np.ndarray:
    """Of the mAP, over many pairs of models on twelve scenes."""
    values = []
    for seed in range(trials):
        rng, scene = np.random.default_rng(seed), np.arange(12)
        truth = random_truth(rng, 12, classes=1, most=20)
        models = [[blind(truth, scene, rng, recall)] for recall in recalls]
        found = compare(*models, SETTINGS, resamples=60, seed=seed)
        values.append(next(one.p_value for one in found if one.name == 'mAP'))
    return np.array(values)


def test_chance_alone_is_seldom_called_significant_and_a_real_difference_often() -> None:
    """Below 0.05 in one of twenty comparisons of equal models: more than 6 of 60 happen once in 100 times."""
    assert (p_values((0.6, 0.6), 60) < 0.05).sum() <= 6
    assert (p_values((0.4, 0.7), 12) < 0.05).sum() >= 10


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1, 1] and holm([]) == []


def test_all_ways_to_change_places_where_there_are_few() -> None:
    """Three scenes, in each of which B is better: only the real labels and their mirror image differ as much."""
    scene = np.arange(3)
    truth = random_truth(np.random.default_rng(2), 3, classes=1, most=30)
    half = truth.take(np.arange(len(truth)) % 2 == 0)
    low, high = (model(truth, one.replace(score=np.linspace(0.9, 0.1, len(one)), velocity=np.zeros((len(one), 2))),
                       scene) for one in (half, truth))
    found = {one.name: one for one in compare([low], [high], SETTINGS, resamples=100, seed=0)}
    assert found['car_AP'].p_value == smallest_p(3, 100) == 0.25 and not found['car_AP'].significant
    assert found['car_AP'].better and not found['car_AP'].spreads[0]
    assert smallest_p(7, 100) == 1 / 101


def test_several_trainings_have_a_mean_and_a_spread() -> None:
    rng, scene = np.random.default_rng(4), np.arange(5)
    truth = random_truth(rng, 5, classes=2)
    models = [model(truth, random_predictions(rng, truth, 5), scene) for _ in range(4)]
    alone = [{one.name: one for one in compare([a], [b], SETTINGS, resamples=0, seed=0)}
             for a, b in zip(models[:2], models[2:])]
    found = {one.name: one for one in compare(models[:2], models[2:], SETTINGS, resamples=20, seed=0)}
    for name in ('mAP', 'NDS', 'car_AP', 'car_ATE'):
        assert found[name].first == pytest.approx(np.mean([one[name].first for one in alone]))
        assert found[name].difference == pytest.approx(np.mean([one[name].difference for one in alone]))
        assert found[name].spreads[1] == pytest.approx(np.std([one[name].second for one in alone], ddof=1))
        assert alone[0][name].p_value is None and alone[0][name].interval is None and found[name].p_value > 0
    text = format_difference(list(found.values()), dict(META, first=['a', 'b'], second=['c', 'd']))
    assert 'spread A' in text and 'luck of the trainings' in text and 'barrier' not in text


def test_marks_and_warnings_of_the_table() -> None:
    rows = [MetricDifference('mAP', 0.3, 0.4, 0.1, (0.05, 0.15), 0.001, 0.01),
            MetricDifference('mATE', 0.3, 0.4, 0.1, (0.05, 0.15), 0.001, 0.01),
            MetricDifference('car_AP', 0.3, 0.4, 0.1, (-0.05, 0.15), 0.03, 0.06),
            MetricDifference('bus_AP', None, None, None)]
    lines = {line.split()[0]: line for line in format_difference(rows, META).splitlines() if line}
    assert lines['mAP'].endswith('* better') and lines['mATE'].endswith('* worse')
    assert lines['car_AP'].split()[-1] == '0.060' and 'bus_AP' not in lines
    text = format_difference(rows, dict(META, scenes=4, resamples=1000))
    assert 'p is never below 0.12' in text and 'only 4 scenes' in text and '--against' in text
    assert 'p is never' not in format_difference(rows, dict(META, resamples=1000))
