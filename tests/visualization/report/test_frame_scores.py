"""Counts of a frame are those of the plain greedy loop over the predictions that are left, at every threshold."""

from types import SimpleNamespace

import numpy as np
import pytest

from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.visualization.report.frame_scores import (
    THRESHOLDS,
    Choice,
    FrameCounts,
    FrameMatches,
    best_threshold,
    choose_pair,
    choose_single,
)
from tests.evaluation.fast.test_matching import boxes, greedy

FRAMES = 4


def random_boxes(rng: np.random.Generator, count: int) -> BoxArrays:
    return boxes(rng.integers(0, FRAMES, count), rng.integers(0, 3, count), rng.normal(0, 3, (count, 2)),
                 np.round(rng.random(count), 2))


def matches(truth: BoxArrays, predicted: BoxArrays) -> FrameMatches:
    return FrameMatches(SimpleNamespace(tokens='abcd', boxes=truth), predicted)


@pytest.fixture
def pair() -> tuple[BoxArrays, BoxArrays]:
    rng = np.random.default_rng(0)
    return random_boxes(rng, 30), random_boxes(rng, 60)


def test_every_threshold_is_as_if_the_rest_had_not_been_predicted(pair):
    truth, predicted = pair
    ours = matches(truth, predicted)
    for threshold in (0.0, *THRESHOLDS, 1.01):
        left = predicted.take(predicted.score >= threshold)
        met = greedy(truth, left, 2.0)
        counts = ours.counts(threshold)
        for frame in range(FRAMES):
            here = met[left.frame == frame]
            assert counts.hits[frame] == (here >= 0).sum() and counts.false_alarms[frame] == (here < 0).sum()
            assert counts.hits[frame] + counts.misses[frame] == (truth.frame == frame).sum()
        assert set(np.flatnonzero(ours.found(threshold))) == set(met[met >= 0])


def test_f1_is_the_harmonic_mean_of_precision_and_recall():
    counts = FrameCounts(np.array([3, 0, 0]), np.array([1, 0, 2]), np.array([2, 0, 0]))
    precision, recall = 3 / 5, 3 / 4
    assert counts.f1[0] == pytest.approx(2 * precision * recall / (precision + recall))
    assert np.isnan(counts.f1[1]) and counts.f1[2] == 0
    assert counts.pooled_f1 == pytest.approx(6 / (6 + 3 + 2))


def test_the_threshold_serves_the_mean_of_the_models(pair):
    truth, predicted = pair
    models = [matches(truth, predicted), matches(truth, predicted.take(np.arange(0, 60, 2)))]
    means = {one: sum(model.counts(one).pooled_f1 for model in models) for one in THRESHOLDS}
    assert best_threshold(models) == max(means, key=means.get)
    assert best_threshold([matches(truth, BoxArrays.empty())]) == THRESHOLDS[0]


def counts(f1: list[float]) -> FrameCounts:
    """Of frames with 100 true boxes and as many predictions, so that hits are F1."""
    hits = np.array([round(100 * one) for one in f1])
    return FrameCounts(hits, 100 - hits, 100 - hits)


def test_frames_of_a_pair_are_the_extremes_and_not_neighbours():
    plain = counts([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1, 0.5])
    distilled = counts([0.9, 0.8, 0.5, 0.7, 0.2, 0.5, 0.1, 0.5])
    scene = np.array([0, 0, 0, 0, 1, 1, 2, 2])
    assert choose_pair(plain, distilled, scene) == [Choice(0, 'helped'), Choice(3, 'helped'), Choice(4, 'hurt'),
                                                    Choice(6, 'hard')]
    assert choose_pair(plain, plain, scene, each=1) == [Choice(6, 'hard')], 'no change, no help and no hurt'


def test_frames_with_few_objects_are_left_to_chance():
    objects = np.array([1, 1, 10, 20, 30])
    plain = FrameCounts(np.array([0, 1, 2, 10, 20]), objects - [0, 1, 2, 10, 20], np.zeros(5, int))
    distilled = FrameCounts(np.array([1, 0, 3, 9, 21]), objects - [1, 0, 3, 9, 21], np.zeros(5, int))
    chosen = choose_pair(plain, distilled, np.arange(5), each=1)
    assert chosen == [Choice(2, 'helped'), Choice(3, 'hurt'), Choice(4, 'hard')], 'not 0 and 1, whose F1 changes by 1'


def test_frames_of_one_model_are_its_best_and_its_worst():
    empty = FrameCounts(*np.zeros((3, 2), int))
    scene = np.array([0, 1, 2])
    assert choose_single(counts([0.2, 0.9, 0.5]), scene, each=1) == [Choice(1, 'best'), Choice(0, 'hard')]
    assert choose_single(empty, scene[:2]) == [], 'frames without objects are no test'
