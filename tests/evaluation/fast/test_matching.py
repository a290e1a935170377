"""The matching: equal to the plain greedy loop, also where everything is a tie."""

import numpy as np
import pytest

from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.matching import match

DISTANCES = (0.5, 1.0, 2.0, 4.0)


def boxes(frame, label, xy, score) -> BoxArrays:
    count = len(frame)
    centre = np.column_stack([np.reshape(xy, (count, 2)), np.zeros(count)])
    return BoxArrays(frame=frame, label=label, translation=centre, size=np.ones((count, 3)),
                     rotation=np.ones((count, 4)), velocity=np.zeros((count, 2)), score=score,
                     attribute=np.full(count, -1), num_pts=np.full(count, -1), ego_translation=centre)


def greedy(truth: BoxArrays, predicted: BoxArrays, limit: float) -> np.ndarray:
    """Predictions by falling score, later ones first; each takes the nearest true box that is left."""
    met, left = np.full(len(predicted), -1), set(range(len(truth)))
    for place in sorted(range(len(predicted)), key=lambda one: (predicted.score[one], one), reverse=True):
        near = [(float(np.linalg.norm(truth.translation[one, :2] - predicted.translation[place, :2])), one)
                for one in left if truth.frame[one] == predicted.frame[place]
                and truth.label[one] == predicted.label[place]]
        if near and min(near)[0] < limit:
            met[place] = min(near)[1]
            left.remove(met[place])
    return met


@pytest.mark.parametrize('grid', [0.0, 0.5, 2.0])
def test_equal_to_the_greedy_loop(grid):
    rng = np.random.default_rng(0)
    for case in range(25):
        sides = []
        for count in rng.integers(0, 40, 2):
            xy = rng.normal(0, 2, (count, 2))
            sides.append(boxes(rng.integers(0, 2, count), rng.integers(0, 2, count),
                               np.round(xy / grid) * grid if grid else xy, rng.integers(0, 4 + case, count) / 4))
        truth, predicted = sides
        found = match(truth, predicted, DISTANCES)
        for row, limit in enumerate(DISTANCES):
            ours = np.full(len(predicted), -1)
            ours[found.order] = found.true_box[row]
            np.testing.assert_array_equal(ours, greedy(truth, predicted, limit))
        for label in range(10):
            places, met = found.of_class(label)
            assert (predicted.label[places] == label).all() and met.shape == (4, len(places))
            assert (np.diff(predicted.score[places]) <= 0).all()


def test_a_chain_of_refusals():
    """Every prediction takes what the next one likes best, so that the last of fifty gets the far end."""
    count = 50
    truth = boxes(np.zeros(count), np.zeros(count), np.stack([np.arange(count), np.zeros(count)], 1), -np.ones(count))
    start = np.concatenate([[0], np.arange(count - 1)]) + 0.4
    predicted = boxes(np.zeros(count), np.zeros(count), np.stack([start, np.zeros(count)], 1),
                      np.linspace(1, 0.5, count))
    found = match(truth, predicted, (4.0,))
    assert found.true_box[0].tolist() == greedy(truth, predicted, 4.0)[found.order].tolist() == list(range(count))


def test_nothing_to_match():
    nothing, one = BoxArrays.empty(), boxes([3], [9], [0, 0], [0.5])
    assert match(one, nothing, DISTANCES).true_box.shape == (4, 0)
    assert match(nothing, one, DISTANCES).true_box.tolist() == [[-1]] * 4
    assert match(one, one, DISTANCES).true_box.tolist() == [[0]] * 4
    assert match(one, one.replace(frame=[2]), DISTANCES).true_box.tolist() == [[-1]] * 4
    assert match(one, one.replace(translation=[[2, 0, 0]]), DISTANCES).true_box.tolist() == [[-1], [-1], [-1], [0]]
