"""Key frames labelled by a teacher that knows the truth: what comes out is the truth, and is called something else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.gt_database import GTDatabaseJob
from perception_kd.datasets.nuscenes.labelled import Labelled
from perception_kd.datasets.nuscenes.stamp import load_infos, load_stamp
from perception_kd.engine.build import load_config
from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.pseudo_labels.boxes.frames import FrameTeacher, MakeFrameTeacher
from perception_kd.pseudo_labels.boxes.frames_job import label_frames
from perception_kd.pseudo_labels.boxes.job import BoxJob
from perception_kd.pseudo_labels.boxes.rule import KeepRule
from perception_kd.registry import DATASETS
from perception_kd.visualization.sources import InfoFile
from tests.pseudo_labels.teachers import CLASSES, INFOS, config_3d, weights
from tests.tiny_world import VERSION

CONFIG = Path(__file__).parents[2] / 'configs/compress/sim_pseudo_boxes.py'
SAME = ('bbox_label', 'bbox_label_3d', 'num_radar_pts')
MOST_GROUND = 8  # LiDAR returns of the ground that touch a box


@pytest.fixture(scope='module')
def job(tiny_root, tmp_path_factory):
    folder = tmp_path_factory.mktemp('boxes')
    return BoxJob(config_3d(tiny_root), weights(folder), folder / 'out', KeepRule(0.1, evidence=0))


@pytest.fixture(scope='module')
def labelled(job):
    """All boxes of all frames."""
    return label_frames(job, INFOS)


def known(info):
    """Annotations of the ten classes, in the order in which the teacher gives them."""
    return [one for one in info['instances'] if one['bbox_label_3d'] >= 0]


def check_boxes(made, truth, atol=1e-3):
    assert [[one[key] for key in SAME] for one in made] == [[one[key] for key in SAME] for one in truth]
    for one, other in zip(made, truth):
        assert 0 <= one['num_lidar_pts'] - other['num_lidar_pts'] <= MOST_GROUND
        assert one['bbox_3d_isvalid'] == (one['num_lidar_pts'] + one['num_radar_pts'] > 0)
    for key in ('bbox_3d', 'velocity'):
        np.testing.assert_allclose([one[key] for one in made], [one[key] for one in truth], atol=atol)


def test_boxes_velocities_and_returns_of_the_truth_come_back(labelled, tiny_root):
    stamp, infos = load_infos(labelled.labels)
    source, originals = load_infos(tiny_root / INFOS)
    for info, original in zip(infos, originals, strict=True):
        check_boxes(info['instances'], known(original))
        assert info.pop('pseudo_labels') is True
        assert {key: value for key, value in info.items() if key != 'instances'} == {
            key: value for key, value in original.items() if key != 'instances'}
    truck = next(one for one in infos[0]['instances'] if one['bbox_label_3d'] == 1)
    car = next(one for one in infos[0]['instances'] if one['bbox_label_3d'] == 0)
    assert (truck['attribute_name'], car['attribute_name']) == ('vehicle.moving', 'vehicle.parked')
    assert car['score'] == pytest.approx(0.9) and len({one['token'] for i in infos for one in i['instances']}) == 30
    made = stamp.pop('pseudo_labels')
    assert stamp == source and made['labelled'] == 6 and made['annotated'] == 0 and made['boxes'] == 30


def test_a_teacher_in_the_vehicle_s_frame_says_the_same(job, labelled, tiny_root, tmp_path):
    ego = label_frames(replace(job, cfg=config_3d(tiny_root, 'ego'), out=tmp_path), INFOS)
    for one, other in zip(load_infos(ego.labels)[1], load_infos(labelled.labels)[1], strict=True):
        check_boxes(one['instances'], other['instances'])


def test_results_are_scored_as_perfect_by_the_devkit(labelled, tiny_root):
    summary = evaluate_devkit(labelled.results, str(tiny_root), VERSION, 'tiny_train')
    found = [summary['mean_dist_aps'][name] for name in CLASSES if name != 'bus']  # holds no point
    assert min(found) > 0.99 and json.loads(labelled.results.read_text())['meta']['use_lidar'] is True


def test_other_rules_are_applied_without_predicting_again(job, labelled, monkeypatch):
    monkeypatch.setattr(MakeFrameTeacher, '__call__', lambda self: pytest.fail('predicts again'))
    rule = KeepRule(0.75, {'barrier': 0.55}, evidence=MOST_GROUND + 1)
    strict = label_frames(replace(job, rule=rule), INFOS, velocity=False)
    assert strict.done.earlier == 6
    names = ('car', 'truck', 'pedestrian', 'barrier', 'bus')
    fates = {name: next(fate for fate, count in strict.tally.counts[name].items() if count == 6) for name in names}
    assert fates == dict(car='kept', truck='kept', pedestrian='unsure', barrier='kept', bus='unsure')
    for info in load_infos(strict.labels)[1]:
        assert [one['bbox_label_3d'] for one in info['instances']] == [0, 1, 9]
        assert np.isnan([one['velocity'] for one in info['instances']]).all()
        assert {one['attribute_name'] for one in info['instances']} == {''}
    loose = label_frames(replace(job, rule=KeepRule(0.5, evidence=MOST_GROUND + 1)), INFOS)
    assert loose.tally.counts['bus'] == dict(kept=0, unsure=0, unseen=6, double=0)


def test_annotated_part_keeps_its_annotations_and_all_of_it_is_trained_on(job, tiny_root, tmp_path):
    part = Labelled(0.5, by='scene')
    mixed = label_frames(replace(job, out=tmp_path, rule=KeepRule(0.75)), INFOS, labelled=part)
    originals = load_infos(tiny_root / INFOS)[1]
    for info, original, own in zip(load_infos(mixed.labels)[1], originals, part.annotated(originals), strict=True):
        assert own == ('pseudo_labels' not in info) == (info['instances'] == original['instances'])
        assert own or len(info['instances']) == 2
    assert json.loads(mixed.results.read_text())['results'].keys() == {
        info['token'] for info in load_infos(mixed.labels)[1] if 'pseudo_labels' in info}
    cfg = load_config(CONFIG, dict(data_root=str(tiny_root), pseudo_infos=str(mixed.labels), lidar_sweeps=0))
    dataset = DATASETS.build({**cfg.train_dataloader.dataset, 'pipeline': [], 'serialize_data': False})
    assert dataset.annotated_samples == len(dataset) == 6
    assert [len(dataset.get_data_info(place)['ann_info']['gt_labels_3d']) for place in range(6)] == [
        5 if own else 2 for own in part.annotated(originals)]
    assert dataset.metainfo['pseudo_labels']['checkpoint'] == str(job.checkpoint)


def test_nothing_is_scored_against_pseudo_labels(labelled, tiny_root, tmp_path):
    with pytest.raises(ValueError, match=r'pseudo_infos_tiny_train.pkl: its boxes are pseudo-labels of .*teacher.pth'):
        NuScenesDetMetric(data_root=str(tiny_root), ann_file=str(labelled.labels))
    assert InfoFile(labelled.labels, tiny_root).frame(0).scene == 'tiny-0 (pseudo-labels)'
    made = GTDatabaseJob(root=tiny_root, infos=labelled.labels, out=tmp_path).stamp
    assert made['pseudo_labels'] == load_stamp(labelled.labels)['pseudo_labels']


def test_frames_that_fail_have_no_annotations(job, tiny_root, tmp_path, monkeypatch):
    bad = load_infos(tiny_root / INFOS)[1][2]['token']
    whole = FrameTeacher.__call__

    def damaged(self, token, infos):
        if token == bad:
            raise ValueError('sweep.bin: truncated')
        return whole(self, token, infos)

    monkeypatch.setattr(FrameTeacher, '__call__', damaged)
    report = label_frames(replace(job, out=tmp_path, retries=1), INFOS)
    assert report.done.failed == {bad: 'sweep.bin: truncated'} and report.tally.items == 5
    assert [info['token'] for info in load_infos(report.labels)[1] if 'instances' not in info] == [bad]
    monkeypatch.setattr(FrameTeacher, '__call__', whole)
    again = label_frames(replace(job, out=tmp_path), INFOS)
    assert not again.done.failed and again.done.earlier == 5 and again.tally.items == 6


@pytest.mark.parametrize(('changes', 'infos', 'message'), [
    (dict(rule=KeepRule(0.05)), INFOS, 'kept from score 0.05 on, but only those from --floor 0.1 on are noted'),
    (dict(rule=KeepRule(scores={'trailer': 0.5})), INFOS, 'a score is given for trailer; the teacher finds pedestrian'),
    (dict(floor=0.05), INFOS, r'begun with other settings \(floor: 0.1, now 0.05\)'),
    (dict(), 'nuscenes_infos_tiny_val.pkl', r'begun with other settings \(source'),
    (dict(), 'gone.pkl', r'gone.pkl is missing'),
])
def test_bad_input_is_told_in_a_line(job, labelled, changes, infos, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        label_frames(replace(job, **changes), infos)


def test_labels_are_not_labelled_again_and_annotated_files_need_not_be(job, labelled, tmp_path):
    with pytest.raises(ValueError, match='its boxes are pseudo-labels already'):
        label_frames(replace(job, out=tmp_path), labelled.labels)
    with pytest.raises(ValueError, match='none is left to label'):
        label_frames(replace(job, out=tmp_path), INFOS, labelled=Labelled(1.0))
