"""Every known mistake, made in a result file, shows in nuscenes-devkit's numbers and is named by the doctor."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from perception_kd.evaluation.doctor import examine, format_findings
from perception_kd.evaluation.doctor.causes import CAUSES
from perception_kd.evaluation.doctor.load import examine_file, load_frames
from perception_kd.evaluation.fast.predictions import predictions_from_rows
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from tests.evaluation.doctor.spoil import Rig, good, spoils
from tests.evaluation.helpers import perfect_results, save

VERSION, SPLIT = 'v1.0-sim', 'sim_val'

# What a user sees: range of the mean over the classes present in the devkit's summary, and what is left of the mAP.
SYMPTOMS = {
    'old convention': (dict(ASE=(0.64, 0.76), AOE=(1.45, 1.65)), 'kept'),
    'old yaw alone': (dict(ASE=(0, 0.3), AOE=(1.45, 1.65)), 'kept'),
    'w and l swapped': (dict(ASE=(0.64, 0.76), AOE=(0, 0.4)), 'kept'),
    'yaw sign': (dict(ASE=(0, 0.3), AOE=(1.2, 3.1)), 'kept'),
    'yaw + pi': (dict(AOE=(2.2, 3.1)), 'kept'),
    'velocity in LiDAR frame': (dict(AVE=(1, 20), AOE=(0, 0.6)), 'kept'),
    'velocity sign': (dict(AVE=(1, 20)), 'kept'),
    'velocity zero': (dict(AVE=(0.6, 20)), 'kept'),
    'sensor to ego missing': ({}, 'lost'),
    'in ego frame': ({}, 'lost'),
    'mirrored in x': ({}, 'lost'),
    'z at the bottom': (dict(ATE=(0, 0.6)), 'kept'),
    'sizes halved': (dict(ASE=(0.8, 0.95)), 'kept'),
    'next key frame': (dict(ATE=(0.5, 3)), 'less'),
    'classes of another order': ({}, 'less'),
    'no attributes': (dict(AAE=(0.99, 1)), 'kept'),
    'scores reversed': ({}, 'less'),
    'cut at 0.5': ({}, 'less'),
    'no NMS': ({}, 'less'),
    'nothing': ({}, 'lost'),
}
LEFT = {'kept': (0.97, 1.03), 'less': (0.0, 0.97), 'lost': (0.0, 0.15)}


@pytest.fixture(scope='module')
def healthy(sim_root: Path) -> dict:
    return good(perfect_results(sim_root, VERSION, SPLIT)['results'])


@pytest.fixture(scope='module')
def mistakes(sim_root: Path) -> dict:
    return spoils(Rig(sim_root, VERSION))


@pytest.fixture(scope='module')
def ask(sim_root: Path):
    truth = load_truth(sim_root, VERSION, SPLIT)
    frames = load_frames(sim_root, VERSION, truth)
    return lambda results: examine(truth, predictions_from_rows(results, truth), frames)


def devkit(root: Path, results: dict, folder: Path) -> tuple[float, dict[str, float]]:
    """mAP and mean errors over the classes present, by the real devkit."""
    summary = evaluate_devkit(save(folder / 'r.json', {'meta': {}, 'results': results}), root, VERSION, SPLIT)
    rows = [summary['label_tp_errors'][name] for name in summary['classes_present']]
    short = dict(trans_err='ATE', scale_err='ASE', orient_err='AOE', vel_err='AVE', attr_err='AAE')
    return summary['mean_ap_present'], {name: np.nanmean([row[key] for row in rows]) for key, name in short.items()}


@pytest.fixture(scope='module')
def usual(sim_root: Path, healthy: dict, tmp_path_factory: pytest.TempPathFactory) -> float:
    return devkit(sim_root, healthy, tmp_path_factory.mktemp('usual'))[0]


def test_a_decent_detector_is_healthy(ask, healthy: dict, usual: float) -> None:
    assert ask(healthy) == [] and usual > 0.5


@pytest.mark.parametrize('name', SYMPTOMS)
def test_the_devkit_shows_the_symptom(sim_root: Path, healthy: dict, mistakes: dict, usual: float, name: str,
                                      tmp_path: Path) -> None:
    ranges, left = SYMPTOMS[name]
    average, errors = devkit(sim_root, mistakes[name][1](healthy), tmp_path)
    assert LEFT[left][0] * usual <= average <= LEFT[left][1] * usual
    for key, (low, high) in ranges.items():
        assert low <= errors[key] <= high, key


def test_each_mistake_is_named_and_no_other(ask, healthy: dict, mistakes: dict) -> None:
    """The matrix of confusion over all causes is diagonal."""
    named = {name: [finding.code for finding in ask(change(healthy))] for name, (_, change) in mistakes.items()}
    assert named == {name: [code] for name, (code, _) in mistakes.items()}
    assert {code for code, _ in mistakes.values()} == set(CAUSES)


def test_mistakes_of_different_kinds_are_found_together(ask, healthy: dict, mistakes: dict) -> None:
    results = healthy
    for name in ('w and l swapped', 'velocity in LiDAR frame', 'z at the bottom', 'sensor to ego missing'):
        results = mistakes[name][1](results)
    codes = {finding.code for finding in ask(results)}
    assert codes == {'size_swapped', 'velocity_frame', 'height_bottom', 'sensor_to_ego'}


def test_what_is_said(sim_root: Path, healthy: dict, mistakes: dict, tmp_path: Path) -> None:
    path = save(tmp_path / 'r.json', {'meta': {}, 'results': mistakes['old convention'][1](healthy)})
    finding, = examine_file(path, sim_root, VERSION, SPLIT)
    assert finding.severity == 'error' and 'w and l are swapped and yaw is -yaw - pi/2' in finding.cause
    assert 'mAOE 1.' in finding.evidence and '-> 0.' in finding.evidence and '-yaw - pi/2' in finding.evidence
    text = format_findings([finding])
    assert all(part in text for part in ('1 finding', finding.cause, finding.cure, finding.evidence, 'old_convention'))
    assert json.loads(json.dumps(finding.as_dict()))['code'] == 'old_convention'
    assert format_findings([]) == 'doctor: no known mistake recognised'


@pytest.mark.parametrize('seed', range(12))
def test_no_alarm_about_weak_detectors(ask, sim_root: Path, seed: int) -> None:
    """Noise of every size, random directions, many false alarms and misses."""
    rng = np.random.default_rng(seed)
    results = good(perfect_results(sim_root, VERSION, SPLIT)['results'], seed, noise=10 ** rng.uniform(-1, 1),
                   misses=rng.uniform(0, 0.6), false=rng.uniform(0.5, 5), turned_round=rng.uniform(0, 0.5))
    assert ask(results) == []


def test_random_boxes_are_weak_and_not_wrong(ask, sim_root: Path) -> None:
    rng = np.random.default_rng(0)
    rig = Rig(sim_root, VERSION)
    results = good(perfect_results(sim_root, VERSION, SPLIT)['results'], false=2.0)
    for token, rows in results.items():
        for row in rows:
            place = rig.ego2global[token] @ [*rng.uniform(-40, 40, 2), 1, 1]
            row.update(translation=place[:3].tolist(), detection_score=float(rng.random()),
                       rotation=[float(np.cos(turn := rng.uniform(0, np.pi))), 0, 0, float(np.sin(turn))],
                       velocity=rng.normal(0, 2, 2).tolist())
    assert ask(results) == []
