"""The matching rule against nuscenes-devkit's own accumulation."""

import numpy as np
import pytest
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.common.utils import center_distance
from nuscenes.eval.detection.algo import accumulate
from nuscenes.eval.detection.data_classes import DetectionBox

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.matching import CLASS_RANGE, match_boxes, within_class_range
from perception_kd.visualization.outcome import judge
from tests.visualization.conftest import LIDAR2EGO, make_boxes

TRUTHS = 20


def devkit_boxes(boxes: Boxes) -> EvalBoxes:
    held = EvalBoxes()
    held.add_boxes(
        's',
        [
            DetectionBox(
                sample_token='s',
                translation=tuple(centre),
                size=(2, 4, 1.6),
                rotation=(1, 0, 0, 0),
                velocity=(0, 0),
                detection_name=name,
                detection_score=float(score),
                num_pts=1,
            )
            for centre, name, score in zip(boxes.centres, boxes.names, boxes.scores)
        ],
    )
    return held


@pytest.mark.parametrize('seed', range(8))
def test_found_objects_equal_the_devkits(seed):
    rng = np.random.default_rng(seed)
    truth = make_boxes([('car', *rng.uniform(-12, 12, 2), 0) for _ in range(TRUTHS)])
    rows = [('car', *(truth.centres[rng.integers(TRUTHS), :2] + rng.normal(0, 1.5, 2)), 0) for _ in range(40)]
    predictions = make_boxes(rows, rng.permutation(40) / 40 + 0.01)
    ours = match_boxes(truth, predictions)
    theirs = accumulate(devkit_boxes(truth), devkit_boxes(predictions), 'car', center_distance, 2.0)
    # With 20 objects every recall lies on the devkit's grid of 101 recalls, so the last one is exact.
    assert ours.matches == round(theirs.max_recall * TRUTHS)
    assert 0 < ours.matches < TRUTHS and ours.matches + ours.misses == TRUTHS
    assert ours.matches + ours.false_alarms == 40


def test_best_score_chooses_first_and_the_class_counts():
    truth = make_boxes([('car', 0, 10, 0), ('truck', 0, 20, 0)])
    predictions = make_boxes([('car', 0.2, 10, 0), ('car', 1.5, 10, 0), ('car', 0, 20, 0)], [0.5, 0.9, 0.8])
    outcome = match_boxes(truth, predictions)
    assert outcome.truth_of.tolist() == [-1, 0, -1]
    assert outcome.found.tolist() == [True, False]


def test_two_metres_are_too_far():
    truth = make_boxes([('car', 0, 10, 0)])
    assert match_boxes(truth, make_boxes([('car', 2.0, 10, 0)])).matches == 0
    assert match_boxes(truth, make_boxes([('car', 1.999, 10, 0)])).matches == 1


def test_a_taken_object_gives_way_to_the_next_nearest():
    truth = make_boxes([('car', 0, 10, 0), ('car', 1.5, 10, 0)])
    predictions = make_boxes([('car', 0, 10, 0), ('car', 0.1, 10, 0)], [0.9, 0.8])
    assert match_boxes(truth, predictions).truth_of.tolist() == [0, 1]


def test_nothing_to_match():
    cars = make_boxes([('car', 0, 10, 0)])
    assert match_boxes(Boxes.empty(), cars).false_alarms == 1
    assert match_boxes(cars, Boxes.empty()).misses == 1
    assert len(judge(cars, Boxes.empty()).misses) == 1


def test_ranges_equal_the_devkits():
    assert config_factory('detection_cvpr_2019').class_range == CLASS_RANGE


def test_range_is_measured_from_the_vehicle():
    shifted = LIDAR2EGO.copy()
    shifted[0, 3] = 3.0
    boxes = make_boxes([('pedestrian', 0, 38, 0), ('pedestrian', 0, 36, 0), ('car', 0, 46, 0)])
    assert within_class_range(boxes, shifted).tolist() == [False, True, True]
