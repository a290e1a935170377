"""What is wrong with a file is told in one line, with its name and what to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from perception_kd.evaluation.uav import UAVRules, read_truth, score
from perception_kd.evaluation.uav.predictions import read_predictions, write_predictions
from perception_kd.evaluation.uav.table import format_scores
from perception_kd.evaluation.uav.truth import simulated_drones
from tests.evaluation.uav.made import coco, frame, random_world, save

GOOD = coco([frame(1), frame(2)], [dict(image_id=1, bbox=[1, 1, 5, 5]), dict(image_id=2, bbox=[1, 1, 9, 9])])


def changed(**annotation: Any) -> dict:
    """The good file with its second annotation changed."""
    first, second = GOOD['annotations']
    return {**GOOD, 'annotations': [first, {**second, **annotation}]}


@pytest.mark.parametrize(('content', 'message'), [
    ([], 'not a COCO file'), ({**GOOD, 'images': 3}, 'not a COCO file'),
    ({**GOOD, 'annotations': [1]}, 'not a COCO file'),
    (changed(id=0), 'id 0, which pycocotools takes for "not matched"'), (changed(id=1), 'annotation id 1 stands twice'),
    ({**GOOD, 'images': [frame(1), frame(2), frame(1)]}, 'image id 1 stands twice'),
    (changed(image_id=7), 'annotation 2 is of image 7, which is not there'),
    (changed(bbox=[1, 2, 3]), 'annotation 2: bbox'), (changed(bbox=[1, 2, float('nan'), 4]), 'annotation 2: bbox'),
    (changed(bbox=[1, 2, 0, 4]), '0 x 4 px has no size'), (changed(bbox=None), 'annotation 2: bbox'),
    (changed(id=[]), 'an id is neither number nor text'), ({**GOOD, 'images': [{}]}, "an entry lacks 'id'"),
    ({**GOOD, 'categories': []}, 'no category drone; there are none'),
    ({**GOOD, 'categories': [dict(id=1, name='UAV')]}, 'no category drone; there are UAV'),
    ({**GOOD, 'info': dict(pseudo_labels=dict(checkpoint='m.pth'))}, 'its boxes are pseudo-labels of m.pth'),
])
def test_truth(tmp_path: Path, content: Any, message: str) -> None:
    """One line that begins with the file."""
    path = save(tmp_path, 'ann.json', content)
    with pytest.raises(ValueError) as caught:
        read_truth(path)
    assert message in str(caught.value) and str(caught.value).startswith(str(path)) and '\n' not in str(caught.value)


def test_no_truth(tmp_path: Path) -> None:
    """Missing, cut off, or without an image."""
    with pytest.raises(FileNotFoundError, match=r'annotations .*none\.json does not exist'):
        read_truth(tmp_path / 'none.json')
    path = save(tmp_path, 'ann.json', GOOD)
    path.write_text(path.read_text()[:-9])
    with pytest.raises(ValueError, match=r'ann\.json is not valid JSON'):
        read_truth(path)
    with pytest.raises(ValueError, match=r'ann\.json: no image to score'):
        score(read_truth(save(tmp_path, 'ann.json', coco([], []))), {})


ROW = dict(image_id=1, category_id=1, bbox=[1, 1, 5, 5], score=0.5)


@pytest.mark.parametrize(('rows', 'message'), [
    ({}, 'not COCO results'), ([1], 'not COCO results'), ([ROW, {**ROW, 'image_id': 9}], 'prediction 1 is of image 9'),
    ([{**ROW, 'image_id': [1]}], r'prediction 0 is of image \[1\]'),
    ([{**ROW, 'category_id': 5}], 'category 5; scored are'), ([{**ROW, 'category_id': {}}], 'category {}'),
    ([{**ROW, 'score': float('nan')}], 'score is nan'), ([{**ROW, 'score': '0.5'}], "score is '0.5'"),
    ([{**ROW, 'bbox': [1, 1, -2, 5]}], 'prediction 0: bbox is'), ([{'image_id': 1}], 'lacks category_id, bbox'),
    ([{**ROW, 'bbox': [1, 1, float('inf'), 5]}], 'prediction 0: bbox is'),
])
def test_predictions(tmp_path: Path, rows: Any, message: str) -> None:
    """Before anything is scored."""
    truth, path = read_truth(save(tmp_path, 'ann.json', GOOD)), save(tmp_path, 'res.json', rows)
    with pytest.raises(ValueError, match=message) as caught:
        read_predictions(path, truth)
    assert str(caught.value).startswith(str(path))


def test_written_predictions_come_back(tmp_path: Path) -> None:
    """To the last digit."""
    content, rows = random_world(0)
    truth = read_truth(save(tmp_path, 'ann.json', content))
    first = read_predictions(save(tmp_path, 'res.json', rows), truth)
    write_predictions(tmp_path / 'again.json', first, truth.categories)
    again = read_predictions(tmp_path / 'again.json', truth)
    assert first.keys() == again.keys()
    for image, one in first.items():
        assert (one.boxes == again[image].boxes).all() and (one.scores == again[image].scores).all()


def test_videos_and_other_categories(tmp_path: Path) -> None:
    """Videos have their names, single pictures are their own; boxes of birds are no targets."""
    content = coco([frame(1, 4), frame(2, 5), frame(3)],
                   [dict(image_id=1, bbox=[1, 1, 5, 5], category_id=2), dict(image_id=2, bbox=[1, 1, 5, 5])],
                   ('drone', 'bird'), videos=[dict(id=4, name='flock')])
    truth = read_truth(save(tmp_path, 'ann.json', content))
    assert truth.videos == ('flock', '5', 'images/003.png')
    assert [len(one.truth.boxes) for one in truth.images.values()] == [0, 1, 0]
    birds = read_truth(tmp_path / 'ann.json', ['bird', 'drone'])
    assert birds.images[1].truth.labels.tolist() == [0] and birds.categories == (2, 1)


RULES: list[tuple[dict, str]] = [
    (dict(score_thr=float('nan')), 'score_thr'), (dict(iou_thr=0.0), 'iou_thr'), (dict(iou_thrs=[]), 'iou_thrs'),
    (dict(iou_thrs=[0.5, 0.5]), 'rising'), (dict(max_dets=0), 'max_dets'), (dict(nwd=-1.0), 'nwd must be above 0')]


@pytest.mark.parametrize(('change', 'message'), RULES)
def test_rules(change: dict, message: str) -> None:
    """Numbers that judge nothing."""
    with pytest.raises(ValueError, match=message):
        UAVRules(**change)


def test_names_are_those_of_the_figures(tmp_path: Path) -> None:
    """So a table's columns can be checked before a run of hours; thresholds that are not there give NaN."""
    check: Callable[[UAVRules], dict] = lambda rules: score(  # noqa: E731
        read_truth(save(tmp_path, 'ann.json', GOOD)), {}, rules).figures
    for rules in (UAVRules(), UAVRules(nwd=10.0, max_dets=300)):
        assert tuple(check(rules)) == rules.names
    assert 'AR300_vt' in UAVRules(max_dets=300).names and 'F1_NWD10' in UAVRules(nwd=10.0).names
    assert str(check(UAVRules(iou_thrs=[0.6]))['AP50']) == 'nan'


def test_simulated_drones_are_told(tmp_path: Path) -> None:
    """By the stamp that simulators leave; converters leave a table."""
    simulated = save(tmp_path, 'sim.json', {**GOOD, 'info': dict(stamp='uav-tiny-seed0-0123')})
    recorded = save(tmp_path, 'real.json', {**GOOD, 'info': dict(stamp=dict(schema='x'))})
    assert (simulated_drones(simulated), simulated_drones(recorded)) == ('uav-tiny-seed0-0123', '')
    assert simulated_drones(tmp_path / 'none.json') == ''
    assert 'simulated world uav-tiny-seed0-0123' in format_scores(score(read_truth(simulated), {}))
    assert 'simulated' not in format_scores(score(read_truth(recorded), {}))
