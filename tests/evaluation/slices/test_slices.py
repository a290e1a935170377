"""Slices on arrays against the same slices of nuscenes-devkit's boxes, one box after the other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.eval.detection.evaluate import DetectionEval

from perception_kd.evaluation.answers import Answers, load_answers
from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.nuscenes_official import devkit_evaluation
from perception_kd.evaluation.slices.families import default_slices, find_slice, of_families
from perception_kd.evaluation.slices.scores import SlicedAnswers, SliceScore, score_slices
from perception_kd.evaluation.slices.sectors import Camera, ego_azimuth, load_cameras, sectors
from perception_kd.evaluation.slices.slice import Slice, owners
from perception_kd.evaluation.slices.table import format_slices
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.evaluation.random_boxes import random_predictions, random_truth
from tests.evaluation.slice_world import SPLIT, VERSION, make_sliced_world


@pytest.fixture(scope='module')
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sliced_world(tmp_path_factory.mktemp('sliced'))


@pytest.fixture(scope='module')
def content(root: Path) -> dict:
    return disturb(perfect_results(root, VERSION, SPLIT), 3)


@pytest.fixture(scope='module')
def answers(root: Path, content: dict, tmp_path_factory: pytest.TempPathFactory) -> Answers:
    return load_answers([save(tmp_path_factory.mktemp('results') / 'r.json', content)], root, VERSION, SPLIT)


RANGES = {'0-20 m': (0, 20), '20-30 m': (20, 30), '30+ m': (30, math.inf), '0-0.2 m/s': (0, 0.2),
          '0.2-5 m/s': (0.2, 5), '5+ m/s': (5, math.inf), '0-4 points': (0, 5), '5-19 points': (5, 20),
          '20-99 points': (20, 100), '100+ points': (100, math.inf)}
LEVELS = {'0-40 %': '1', '40-60 %': '2', '60-80 %': '3', '80-100 %': '4'}
SECTORS = {'CAM_FRONT': (0, math.pi / 4), 'no camera': (math.pi / 4, 3 * math.pi / 4), 'CAM_BACK': (3 * math.pi / 4, 4)}


@dataclass
class FrameByHand:
    """One key frame of the devkit's evaluation."""

    nusc: NuScenes
    sample: dict

    def counts(self, one: Slice, box: DetectionBox, alone: bool) -> bool:
        """Whether a true box, or a predicted one that is a false alarm, is in a slice."""
        if one.family in ('light', 'weather'):
            text = self.nusc.get('scene', self.sample['scene_token'])['description']
            wet = text.startswith('Rain') or text.endswith(' rain')
            return one.name == (('rain' if wet else 'dry') if one.family == 'weather' else
                                ('night' if 'Night' in text else 'day'))
        if one.family in ('visibility', 'LiDAR points') and alone:
            return True
        return self.of_box(one, box)

    def of_box(self, one: Slice, box: DetectionBox) -> bool:
        low, high = RANGES.get(one.name, (0, 0))
        speed = math.hypot(*box.velocity)
        return {'all': lambda: True,
                'class': lambda: box.detection_name == one.name,
                'distance': lambda: low <= math.hypot(*box.ego_translation[:2]) < high,
                'speed': lambda: math.isnan(speed) if one.name == 'unknown' else low <= speed < high,
                'visibility': lambda: self.row(box)['visibility_token'] == LEVELS[one.name],
                'LiDAR points': lambda: low <= self.row(box)['num_lidar_pts'] < high,
                'camera': lambda: SECTORS[one.name][0] <= self.aside(box) < SECTORS[one.name][1]}[one.family]()

    def row(self, box: DetectionBox) -> dict:
        rows = [self.nusc.get('sample_annotation', token) for token in self.sample['anns']]
        return next(row for row in rows if row['translation'] == list(box.translation))

    def aside(self, box: DetectionBox) -> float:
        """Angle of a box from straight ahead."""
        lidar = self.nusc.get('sample_data', self.sample['data']['LIDAR_TOP'])
        pose = self.nusc.get('ego_pose', lidar['ego_pose_token'])
        yaw = 2 * math.atan2(pose['rotation'][3], pose['rotation'][0])
        return abs(math.remainder(math.atan2(box.ego_translation[1], box.ego_translation[0]) - yaw, 2 * math.pi))


def sliced_by_hand(evaluation: DetectionEval, one: Slice) -> tuple[EvalBoxes, EvalBoxes]:
    truth, predicted = EvalBoxes(), EvalBoxes()
    for token in evaluation.sample_tokens:
        frame = FrameByHand(evaluation.nusc, evaluation.nusc.get('sample', token))
        true_boxes = evaluation.gt_boxes[token]
        own = [(box, nearest(box, true_boxes)) for box in evaluation.pred_boxes[token]]
        truth.add_boxes(token, [box for box in true_boxes if frame.counts(one, box, False)])
        predicted.add_boxes(token, [box for box, near in own if frame.counts(one, near or box, near is None)])
    return truth, predicted


def nearest(box: DetectionBox, truth: list[DetectionBox]) -> DetectionBox | None:
    own = [other for other in truth if other.detection_name == box.detection_name]
    away = [math.dist(box.translation[:2], other.translation[:2]) for other in own]
    return own[int(np.argmin(away))] if own and min(away) <= 2 else None


def test_every_slice_is_the_devkits(root: Path, content: dict, answers: Answers) -> None:
    slices = default_slices(cameras=load_cameras(root, VERSION))
    whole = devkit_evaluation(load_devkit(root, VERSION), content, answers.truth.tokens, 'results')
    expected = {(one.family, one.name): sliced_by_hand(whole, one) for one in slices}
    assert {one.family for one in slices} == {'all', 'light', 'weather', 'distance', 'speed', 'visibility', 'camera',
                                              'LiDAR points', 'class'}
    model = SlicedAnswers(answers.truth, answers.predicted[0], answers.settings)
    scores = score_slices(model, slices, min_boxes=1, resamples=0)
    for one, score in zip(slices, scores):
        seen, found = model.boxes(one)
        whole.gt_boxes, whole.pred_boxes = expected[one.family, one.name]
        for boxes, ours in ((whole.gt_boxes, seen), (whole.pred_boxes, found)):
            assert sorted(list(box.translation) for box in boxes.all) == sorted(ours.translation.tolist()), one.name
        if score.boxes:
            check_metrics(score, whole.evaluate()[0].serialize())
    empty = {f'{score.family}: {score.name}' for score in scores if not score.boxes}
    assert empty == {f'class: {name}' for name in ('truck', 'trailer', 'bus', 'construction_vehicle', 'motorcycle',
                                                   'traffic_cone')}
    assert not any(score.ap_interval for score in scores), 'no resamples'


def check_metrics(score: SliceScore, summary: dict) -> None:
    aps, errors = summary['mean_dist_aps'], summary['label_tp_errors']
    assert score.ap == pytest.approx(np.mean([aps[name] for name in score.classes]), abs=1e-12)
    for key, short in dict(trans_err='ATE', scale_err='ASE', orient_err='AOE', vel_err='AVE', attr_err='AAE').items():
        values = [errors[name][key] for name in score.classes]
        if short in score.errors:
            assert score.errors[short] == pytest.approx(np.nanmean(values), abs=1e-12)
        else:
            assert np.isnan(values).all()


@pytest.mark.parametrize('seed', range(3))
def test_owners_are_the_nearest_of_class_and_key_frame(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = random_truth(rng, 4)
    predicted = random_predictions(rng, truth, 4)
    found = owners(truth, predicted)
    for place, centre in enumerate(predicted.translation):
        own = np.flatnonzero((truth.frame == predicted.frame[place]) & (truth.label == predicted.label[place]))
        away = [math.dist(centre[:2], truth.translation[one, :2]) for one in own]
        assert found[place] == (own[int(np.argmin(away))] if len(own) and min(away) <= 2 else -1)
    assert (found >= 0).any() and (found < 0).any()


def test_sectors_of_rigs(answers: Answers) -> None:
    """Six cameras as on nuScenes, one camera, none."""
    boxes, degrees = answers.truth.boxes, np.degrees(ego_azimuth(answers.truth, answers.truth.boxes))
    yaws = dict(FRONT=(0, 35), FRONT_LEFT=(55, 35), FRONT_RIGHT=(-55, 35), BACK_LEFT=(110, 35), BACK_RIGHT=(-110, 35),
                BACK=(180, 55))
    rig = sectors([Camera(name, *np.radians(angles)) for name, angles in yaws.items()])
    inside = {name: mask(answers.truth, boxes) for name, mask in rig.items()}
    assert (np.sum(list(inside.values()), axis=0) == 1).all() and not inside['no camera'].any()
    assert (np.abs(degrees[inside['FRONT']]) <= 27.5).all() and inside['FRONT'].any()
    assert ((degrees[inside['BACK_LEFT']] >= 82.5) & (degrees[inside['BACK_LEFT']] <= 145)).all()
    alone = sectors([Camera('FRONT', 0.0, np.radians(35))])
    assert (alone['FRONT'](answers.truth, boxes) == (np.abs(degrees) <= 35)).all()
    assert (alone['no camera'](answers.truth, boxes) == (np.abs(degrees) > 35)).all()
    none = {name: mask(answers.truth, boxes) for name, mask in sectors([]).items()}
    assert list(none) == ['front', 'left', 'back', 'right'] and (np.sum(list(none.values()), axis=0) == 1).all()
    assert ((degrees[none['left']] >= 45) & (degrees[none['left']] <= 135)).all()


def test_cameras_of_the_tables(root: Path) -> None:
    front, back = load_cameras(root, VERSION)
    assert (front.channel, back.channel) == ('CAM_FRONT', 'CAM_BACK')
    assert front.yaw == pytest.approx(0) and abs(back.yaw) == pytest.approx(math.pi)
    assert front.half_angle == back.half_angle == pytest.approx(math.pi / 4)


def test_slices_by_their_names(answers: Answers) -> None:
    slices = default_slices()

    def names(*texts: str) -> list[str]:
        return [find_slice(text, slices).name for text in texts]

    assert names('light=night', 'distance=0-20', 'distance=30+', 'speed=unknown', 'visibility=0-40', 'class=car',
                 'lidar-points=5-19', 'camera=left') == [
        'night', '0-20 m', '30+ m', 'unknown', '0-40 %', 'car', '5-19 points', 'left']
    assert names('distance=12.5-30', 'speed=8+', 'lidar-points=3-7') == ['12.5-30 m', '8+ m/s', '3-7 points']
    inside = find_slice('lidar-points=3-7', slices).truth(answers.truth)
    assert (inside == np.isin(answers.truth.num_lidar_pts, range(3, 8))).all()
    assert {one.family for one in of_families(['speed', 'lidar-points'], slices)} == {'speed', 'LiDAR points'}
    for text, message in (('light=dusk', 'light has day, night$'), ('distance=30-20', 'the range is empty'),
                          ('speed=fast', 'unknown, and any LOW-HIGH or LOW'),
                          ('fog=thick', "no family of slices 'fog'")):
        with pytest.raises(ValueError, match=message):
            find_slice(text, slices)
    with pytest.raises(ValueError, match=r'speeds must rise from above 0, got \[0\]'):
        default_slices(speeds=[0])


def test_table_with_intervals(answers: Answers) -> None:
    model = SlicedAnswers(answers.truth, answers.predicted[0], answers.settings)
    slices = [Slice('all', 'all'), Slice('scene', 'first', scene=lambda row: row['name'] == 'sliced-0'),
              Slice('scene', 'none', scene=lambda row: False)]
    steps: list[str] = []
    whole, first, none = score_slices(model, slices, min_boxes=2, resamples=50, progress=steps.append)
    assert whole.ap_interval[0] <= whole.ap <= whole.ap_interval[1] and whole.ap_interval[0] < whole.ap_interval[1]
    assert set(whole.error_intervals) == set(whole.errors) and len(steps) == 3
    assert first.scenes == 1 and first.ap is not None and first.ap_interval is None, 'one scene has no interval'
    assert none.boxes == 0 and none.ap is None
    text = format_slices([whole, first, none], dict(answers.meta, min_boxes=2, resamples=50, seed=0))
    assert f'{whole.ap:.3f}' in text and 'scene: first' in text and 'only 4 scenes' in text
    assert "equal to nuscenes-devkit's; not the official protocol" in text
    with pytest.raises(ValueError, match='min_boxes must be at least 1'):
        score_slices(model, slices, min_boxes=0)
