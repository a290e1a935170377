"""Figures at the threshold of deployment, against a loop that looks at every box."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_kd.evaluation.uav import UAVRules, read_truth, score
from perception_kd.evaluation.uav.boxes import overlaps, wasserstein
from perception_kd.evaluation.uav.coco import run_coco
from perception_kd.evaluation.uav.matching import FALSE_ALARM, IGNORED, match
from perception_kd.evaluation.uav.predictions import Predicted, read_predictions
from perception_kd.evaluation.uav.truth import Image, TrueBoxes, Truth
from tests.evaluation.uav.made import coco, frame, random_world, save
from tests.evaluation.uav.test_coco import iou, scores_of

SIDES = [(0, 8), (8, 16), (16, 24), (24, 32), (32, math.inf)]


def slow_figures(truth: dict, results: list, threshold: float, least: float) -> dict[str, float]:
    """One class: matched with predictions below the threshold left out."""
    finds = alarms = on_negatives = 0
    sides: list[tuple[float, bool]] = []
    negatives = 0
    for image in truth['images']:
        goals = [dict(one, found=False) for one in truth['annotations'] if one['image_id'] == image['id']]
        mine = [one for one in results if one['image_id'] == image['id'] and one['score'] >= threshold]
        wrong = 0
        for prediction in sorted(mine, key=lambda one: -one['score']):
            fits = [(iou(prediction['bbox'], goal['bbox'], False), goal) for goal in goals
                    if not goal['found'] and not goal['iscrowd']]
            value, best = max(fits, key=lambda one: one[0], default=(0.0, None))
            if best is not None and value >= least:
                best['found'], finds = True, finds + 1
            elif not any(goal['iscrowd'] and iou(prediction['bbox'], goal['bbox'], True) >= least for goal in goals):
                wrong += 1
        alarms, negatives = alarms + wrong, negatives + (not goals)
        on_negatives += wrong * (not goals)
        sides += [(math.sqrt(one['bbox'][2] * one['bbox'][3]), one['found']) for one in goals if not one['iscrowd']]
    figures = dict(precision=ratio(finds, finds + alarms), recall=ratio(finds, len(sides)),
                   F1=ratio(2 * finds, finds + alarms + len(sides)), FPPI_negatives=ratio(on_negatives, negatives))
    for low, high in SIDES:
        inside = [found for side, found in sides if low <= side < high]
        figures[f'recall_{low}_{high}'] = ratio(sum(inside), len(inside))
    return figures


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


@given(seed=st.integers(0, 10**6), threshold=st.sampled_from([0.0, 0.25, 0.5, 0.91, 2.0]),
       least=st.sampled_from([0.3, 0.5, 0.75]))
@settings(max_examples=40, deadline=None)
def test_as_the_loop(tmp_path_factory: pytest.TempPathFactory, seed: int, threshold: float, least: float) -> None:
    """Random boxes and thresholds; F1 is nowhere above the best one, and reaches it at its score."""
    folder = tmp_path_factory.getbasetemp()
    truth, results = random_world(seed, 5)
    rules = UAVRules(score_thr=threshold, iou_thr=least, iou_thrs=[0.5])
    found = scores_of(folder, truth, results, rules=rules).figures
    for name, value in slow_figures(truth, results, threshold, least).items():
        assert found[name] == pytest.approx(value, nan_ok=True), name
    if any(not one['iscrowd'] for one in truth['annotations']) and results:
        tried = {one['score']: slow_figures(truth, results, one['score'], least)['F1'] for one in results}
        assert found['best_F1'] == pytest.approx(max(tried.values()))
        if found['best_F1']:
            assert tried[found['best_F1_score']] == pytest.approx(found['best_F1'])


def test_matching_is_pycocotools(tmp_path: Path) -> None:
    """Which prediction finds which target, and which is in an ignored region, at IoU 0.5."""
    truth, results = random_world(7, 30)
    loaded = read_truth(save(tmp_path, 'ann.json', truth))
    predictions = read_predictions(save(tmp_path, 'res.json', results), loaded)
    evaluator = run_coco(loaded, predictions, UAVRules(iou_thrs=[0.5]))
    numbers = {one: place for place, one in enumerate(
        (image, index) for image, one in loaded.images.items() for index in range(len(one.truth.boxes)))}
    for entry, (image, one) in zip(evaluator.evalImgs[:len(loaded.images)], sorted(loaded.images.items())):
        predicted = predictions.get(image, Predicted())
        matching = match(predicted.scores, overlaps(predicted.boxes, one.truth.boxes, one.truth.ignored), 0.5,
                         one.truth.ignored)
        if entry is None:
            assert not len(predicted) and not len(one.truth.boxes)
            continue
        order = np.argsort(-predicted.scores, kind='stable')
        for goal, theirs, ignored in zip(matching.truth_of[order], entry['dtMatches'][0], entry['dtIgnore'][0]):
            assert (goal == FALSE_ALARM) == (theirs == 0) and (goal == IGNORED) == bool(ignored)
            if goal >= 0:
                assert numbers[image, goal] + 1 == theirs


def test_ap50_of_the_curve_is_pycocotools(tmp_path: Path) -> None:
    """The twin that serves the Wasserstein likeness gives AP50 by IoU."""
    scores = scores_of(tmp_path, *random_world(8, 30, classes=2), ('drone', 'bird'))
    assert scores.findings.average_precision(2) == pytest.approx(scores.figures['AP50'])
    curve = scores.findings.curve()
    assert (np.diff(curve['score']) < 0).all() and (np.diff(curve['recall']) >= 0).all()
    f1 = 2 * curve['precision'] * curve['recall'] / np.maximum(curve['precision'] + curve['recall'], 1e-12)
    assert f1.max() == pytest.approx(scores.figures['best_F1'])


def test_by_hand(tmp_path: Path) -> None:
    """Two drones and a bird's picture: a find, a miss, a second box on the same drone, an alarm on the bird."""
    boxes = [dict(image_id=1, bbox=[10, 10, 10, 10]), dict(image_id=1, bbox=[90, 90, 40, 40]),
             dict(image_id=2, bbox=[50, 50, 20, 20], category_id=2)]
    truth = coco([frame(1), frame(2)], boxes, ('drone', 'bird'))
    results = [dict(image_id=1, category_id=1, bbox=box, score=value) for box, value in (
        ([10, 10, 10, 10], 0.9), ([10, 11, 10, 10], 0.8), ([90, 90, 40, 40], 0.2))]
    results.append(dict(image_id=2, category_id=1, bbox=[50, 50, 20, 20], score=0.3))
    found = scores_of(tmp_path, truth, results)
    want = dict(precision=1 / 3, recall=1 / 2, F1=2 / 5, FPPI_negatives=1, recall_8_16=1, recall_32_inf=0,
                best_F1=2 / 3, best_F1_score=0.9)
    assert {name: found.figures[name] for name in want} == pytest.approx(want)
    assert found.worst() == [
        dict(image_id=1, file_name='images/001.png', video='images/001.png', found=1, missed=1, false_alarms=1),
        dict(image_id=2, file_name='images/002.png', video='images/002.png', found=0, missed=0, false_alarms=1)]


def test_ignored_regions(tmp_path: Path) -> None:
    """Boxes in a region count neither way, however many; its picture is no negative."""
    truth = coco([frame(1)], [dict(image_id=1, bbox=[0, 0, 100, 100], iscrowd=1)])
    results = [dict(image_id=1, category_id=1, bbox=box, score=0.9) for box in (
        [10, 10, 5, 5], [50, 50, 8, 8], [95, 95, 10, 10], [200, 200, 9, 9])]
    found = scores_of(tmp_path, truth, results)
    assert found.findings.counts(0.25)[0, :5].tolist() == [0, 2, 0, 0, 0] and found.counts['ignored'] == 1
    assert math.isnan(found.figures['AP']) and math.isnan(found.figures['FPPI_negatives'])


def test_wasserstein() -> None:
    """By hand; a shift by its own side leaves a tiny box alike where IoU is 0; a figure's name has the constant."""
    one, other = np.array([[0.0, 0, 6, 6]]), np.array([[6.0, 8, 6, 6], [0, 0, 12, 6]])
    assert wasserstein(one, other, 12.8)[0] == pytest.approx(
        [math.exp(-10 / 12.8), math.exp(-math.sqrt(3**2 + 3**2) / 12.8)])
    truth = Truth({1: Image('a', 'a', TrueBoxes(one, np.array([0]), np.array([False])))})
    shifted = {1: Predicted(np.array([[6.0, 0, 6, 6]]), np.array([0.9]), np.array([0]))}
    figures = score(truth, shifted, UAVRules(nwd=12.8)).figures
    assert figures['AP50'] == figures['recall'] == 0
    assert [figures[f'{name}_NWD12.8'] for name in ('AP50', 'recall', 'F1')] == pytest.approx([1, 1, 1])
    assert 'recall_NWD12.8' not in score(truth, shifted).figures


def test_nothing_predicted_and_nothing_there(tmp_path: Path) -> None:
    """Figures of nothing are NaN, of misses 0; no figure is infinite."""
    targets = coco([frame(1), frame(2)], [dict(image_id=1, bbox=[1, 1, 5, 5])])
    found = scores_of(tmp_path, targets, []).figures
    assert found['AP'] == found['AP_vt'] == found['AR100'] == found['recall'] == found['F1'] == found['best_F1'] == 0
    assert math.isnan(found['precision']) and math.isnan(found['best_F1_score']) and found['FPPI_negatives'] == 0
    results = [dict(image_id=1, category_id=1, bbox=[1, 1, 5, 5], score=0.9)]
    found = scores_of(tmp_path, coco([frame(1), frame(2)], []), results).figures
    assert math.isnan(found['AP']) and math.isnan(found['recall']) and found['FPPI_negatives'] == 0.5
    assert not any(math.isinf(value) for value in found.values())
    assert all(math.isnan(scores_of(tmp_path, coco([frame(1)], []), []).figures[name]) for name in ('AP', 'F1'))
