"""AP and AR against pycocotools run plainly, and against the definition in slow Python."""

from __future__ import annotations

import contextlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from perception_kd.evaluation.uav import AREA_RANGES, UAVRules, read_truth, score
from perception_kd.evaluation.uav.predictions import read_predictions
from perception_kd.evaluation.uav.ranking import rankings
from tests.evaluation.uav.made import coco, frame, random_world, save

AI_TOD = {'vt': [0, 64], 't': [64, 256], 's': [256, 1024], 'm': [1024, 1e10]}


def scores_of(folder: Path, truth: dict, results: list, classes: tuple[str, ...] = ('drone',), **how: Any) -> Any:
    """Through the files, as people's data comes."""
    loaded = read_truth(save(folder, 'ann.json', truth), classes)
    rules = how.pop('rules', None)
    return score(loaded, read_predictions(save(folder, 'res.json', results), loaded), rules, **how)


def plain(folder: Path, areas: list | None = None) -> COCOeval:
    """pycocotools as its own demo calls it."""
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / 'ann.json'))
        evaluator = COCOeval(truth, truth.loadRes(str(folder / 'res.json')), 'bbox')
        if areas:
            evaluator.params.areaRng = areas
            evaluator.params.areaRngLbl = [str(one) for one in areas]
        evaluator.evaluate()
        evaluator.accumulate()
        if not areas:
            evaluator.summarize()
    return evaluator


def known(values: np.ndarray) -> float:
    return float(values[values > -1].mean()) if (values > -1).any() else math.nan


@pytest.mark.parametrize(('seed', 'classes'), [(0, ('drone',)), (1, ('drone', 'bird')), (2, ('drone',))])
def test_as_pycocotools_run_plainly(tmp_path: Path, seed: int, classes: tuple[str, ...]) -> None:
    """Its own summary for COCO's sizes; with AI-TOD's ranges, means of what it accumulates."""
    found = scores_of(tmp_path, *random_world(seed, 30, classes=len(classes)), classes).figures
    stats = plain(tmp_path).stats
    ours = ('AP', 'AP50', 'AP75', 'AP_coco_s', 'AP_coco_m', 'AP_coco_l', None, None, 'AR100', 'AR100_coco_s',
            'AR100_coco_m', 'AR100_coco_l')
    for name, value in zip(ours, stats):
        if name:
            assert (math.nan if value == -1 else value) == pytest.approx(found[name], abs=1e-12, nan_ok=True), name
    tiny = plain(tmp_path, list(AI_TOD.values())).eval
    for place, name in enumerate(AI_TOD):
        assert found[f'AP_{name}'] == pytest.approx(known(tiny['precision'][..., place, -1]), abs=1e-12, nan_ok=True)
        assert found[f'AR100_{name}'] == pytest.approx(known(tiny['recall'][..., place, -1]), abs=1e-12, nan_ok=True)
    every = plain(tmp_path, [[0, 1e10]]).eval['precision'][..., 0, -1]
    assert found['AP5090'] == pytest.approx(known(every[:9]), abs=1e-12)
    assert found['AP5090'] >= found['AP']


def iou(one: list[float], other: list[float], crowd: bool) -> float:
    wide = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    tall = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    common = max(wide, 0) * max(tall, 0)
    return common / (one[2] * one[3] if crowd else one[2] * one[3] + other[2] * other[3] - common)


def slow_ap(truth: dict, results: list, threshold: float, low: float, high: float) -> float:
    """One class: every definition of COCO's evaluation, written out."""
    def counts(box: list[float]) -> bool:
        return low <= box[2] * box[3] <= high

    outcomes: list[tuple[float, int, int, bool]] = []
    targets = 0
    for number, image in enumerate(sorted(one['id'] for one in truth['images'])):
        goals = [dict(one, free=True, out=bool(one['iscrowd']) or not counts(one['bbox']))
                 for one in truth['annotations'] if one['image_id'] == image]
        targets += sum(not one['out'] for one in goals)
        mine = sorted((one for one in results if one['image_id'] == image), key=lambda one: -one['score'])
        for place, found in enumerate(mine[:100]):
            best: dict | None = None
            for wanted_out in (False, True):
                for goal in goals:
                    value = iou(found['bbox'], goal['bbox'], bool(goal['iscrowd']))
                    if goal['out'] == wanted_out and (goal['free'] or goal['iscrowd']) and value >= max(
                            threshold, best['value'] if best and best['out'] == wanted_out else 0):
                        if best and best['out'] != wanted_out:
                            continue
                        best = goal
                        best['value'] = value
            if best is None and counts(found['bbox']):
                outcomes.append((-found['score'], number, place, False))
            elif best is not None:
                best['free'] = False
                if not best['out']:
                    outcomes.append((-found['score'], number, place, True))
    return interpolated([hit for *_, hit in sorted(outcomes, key=lambda one: one[:3])], targets)


def interpolated(hits: list[bool], targets: int) -> float:
    """Mean over 101 recalls of the best precision at that recall or more."""
    if not targets:
        return math.nan
    points = [(sum(hits[:end]) / targets, sum(hits[:end]) / end) for end in range(1, len(hits) + 1)]
    return sum(max((precision for recall, precision in points if recall >= wanted), default=0)
               for wanted in np.linspace(0, 1, 101)) / 101


@pytest.mark.parametrize('seed', [3, 4])
def test_as_the_definition(tmp_path: Path, seed: int) -> None:
    """AP of all thresholds and of one, over all sizes and by size."""
    truth, results = random_world(seed, 8)
    found = scores_of(tmp_path, truth, results).figures
    thresholds = [0.5 + 0.05 * step for step in range(10)]
    values = [slow_ap(truth, results, one, 0, 1e10) for one in thresholds]
    assert found['AP'] == pytest.approx(np.mean(values), abs=1e-9)
    assert found['AP5090'] == pytest.approx(np.mean(values[:9]), abs=1e-9)
    assert (found['AP50'], found['AP75']) == pytest.approx((values[0], values[5]), abs=1e-9)
    for name in ('vt', 't', 's', 'm'):
        values = [slow_ap(truth, results, one, *AREA_RANGES[name]) for one in thresholds]
        assert found[f'AP_{name}'] == pytest.approx(np.mean(values), abs=1e-9, nan_ok=True)


def test_one_drone_of_six_pixels(tmp_path: Path) -> None:
    """It is very tiny and nothing else, in its own pixels; a box off by one pixel passes where IoU says."""
    truth = coco([frame(1)], [dict(image_id=1, bbox=[100, 50, 6, 6])])
    found = scores_of(tmp_path, truth, [dict(image_id=1, category_id=1, bbox=[101, 50, 6, 6], score=0.9)])
    shares = 30 / 42  # of a shift by one pixel: 0.714, five of ten thresholds, five of nine
    assert 0.7 < shares < 0.75
    assert found.figures['AP'] == pytest.approx(0.5) and found.figures['AP5090'] == pytest.approx(5 / 9)
    assert found.figures['AP_vt'] == found.figures['AP'] == found.figures['AP_coco_s']
    assert found.figures['AP50'] == pytest.approx(1) and found.figures['AP75'] == 0
    assert found.figures['recall_0_8'] == 1
    for name in ('AP_t', 'AP_s', 'AP_m', 'AP_coco_m', 'recall_8_16', 'recall_32_inf', 'FPPI_negatives'):
        assert math.isnan(found.figures[name])
    assert (found.counts['targets_vt'], found.counts['targets_t'], found.counts['targets_0_8']) == (1, 0, 1)


def test_sizes_share_their_ends(tmp_path: Path) -> None:
    """A drone of 8 x 8 px is in both of AI-TOD's sizes, as its evaluator has it, and in one bin of sides."""
    truth = coco([frame(1)], [dict(image_id=1, bbox=[100, 50, 8, 8])])
    found = scores_of(tmp_path, truth, [dict(image_id=1, category_id=1, bbox=[100, 50, 8, 8], score=0.9)])
    assert [found.figures[name] for name in ('AP_vt', 'AP_t', 'recall_8_16')] == pytest.approx([1, 1, 1])
    assert math.isnan(found.figures['recall_0_8'])


def test_ap5090_is_no_less(tmp_path: Path) -> None:
    """Its nine thresholds are the lower ones."""
    for seed in range(10, 16):
        figures = scores_of(tmp_path, *random_world(seed, 6)).figures
        assert figures['AP50'] >= figures['AP5090'] >= figures['AP'] - 1e-12


def test_drawn_videos_are_repeated_frames(tmp_path: Path) -> None:
    """AP by weights of videos equals pycocotools' for the data set in which frames stand so often."""
    truth, results = random_world(5, 12, videos=3)
    for number, row in enumerate(results):
        row['score'] = 0.01 + number / len(results)  # equal scores would stand in another order
    scores = scores_of(tmp_path, truth, results)
    weights, row = np.array([[1, 1, 1], [2, 0, 1]]), [2, 0, 1]
    images, annotations, answers = [], [], []
    for image in truth['images']:
        for copy in range(row[image['video_id'] - 1]):
            number = image['id'] + 1000 * copy
            images.append({**image, 'id': number})
            annotations += [{**one, 'image_id': number, 'id': one['id'] + 1000 * copy} for one in truth['annotations']
                            if one['image_id'] == image['id']]
            answers += [{**one, 'image_id': number} for one in results if one['image_id'] == image['id']]
    again = scores_of(tmp_path, {**truth, 'images': images, 'annotations': annotations}, answers)
    from perception_kd.evaluation.uav.coco import run_coco
    from perception_kd.evaluation.uav.videos import weighted_figures

    loaded = read_truth(save(tmp_path, 'ann.json', truth))
    order = list(loaded.videos)
    columns = [int(name.removeprefix('clip_')) - 1 for name in order]
    evaluator = run_coco(loaded, read_predictions(save(tmp_path, 'res.json', results), loaded), UAVRules())
    drawn = weighted_figures(loaded, evaluator, scores.findings, UAVRules(), weights[:, columns])
    for name, values in drawn.items():
        assert values[0] == pytest.approx(scores.figures[name], abs=1e-9, nan_ok=True), name
        assert values[1] == pytest.approx(again.figures[name], abs=1e-9, nan_ok=True), name
    ranked = rankings(evaluator, dict.fromkeys(loaded.images, 0), 1)['all'][0]
    assert ranked.average_precision(np.ones((1, 1))).mean() == pytest.approx(scores.figures['AP'])


def test_intervals_and_videos(tmp_path: Path) -> None:
    """Intervals hold the figure, the seed decides them, and each video's AP is that of its frames alone."""
    truth, results = random_world(6, 24, videos=6)
    scores = scores_of(tmp_path, truth, results, resamples=60, seed=3, by_video=True)
    low, high = scores.intervals['AP50']
    assert low <= scores.figures['AP50'] <= high and low < high
    assert scores_of(tmp_path, truth, results, resamples=60, seed=3).intervals == scores.intervals
    assert scores_of(tmp_path, truth, results, resamples=60, seed=4).intervals != scores.intervals
    assert scores_of(tmp_path, truth, results).intervals == {}
    loaded = read_truth(tmp_path / 'ann.json')
    predictions = read_predictions(tmp_path / 'res.json', loaded)
    for video, figures in scores.by_video.items():
        alone = score(loaded.only(key for key, one in loaded.images.items() if one.video == video), predictions)
        for name in ('AP', 'AP50', 'recall', 'precision'):
            assert figures[name] == pytest.approx(alone.figures[name], nan_ok=True)
        assert (figures['images'], figures['targets']) == (alone.counts['images'], alone.counts['targets'])
