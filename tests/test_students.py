"""The small students that are kept: they load, and they find what stands near."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from perception_kd.datasets.convert.astyx import VERSION, convert_astyx
from perception_kd.datasets.stereo.decoders import read_png
from perception_kd.datasets.stereo.pfm import read_pfm
from perception_kd.engine.build import load_config
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.export.student import load_student
from perception_kd.inference.job import infer
from perception_kd.inference.pictures import Shown
from perception_kd.inference.stereo.predictor import MatchSettings, StereoPredictor, load_matcher
from perception_kd.inference.uav.predictor import FindSettings, load_predictor
from perception_kd.simulation.stereo.pair import simulate_pair
from perception_kd.simulation.stereo.presets import get_preset

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / 'data' / 'students'
FRAMES = ('astyx-000360', 'astyx-000380', 'astyx-000400', 'astyx-000420')


@pytest.mark.parametrize('name', ['sim', 'astyx', 'stereo', 'uav'])
def test_a_student_is_small_and_fits_its_config(name: str) -> None:
    path = FOLDER / f'{name}.pth'
    assert path.stat().st_size < 5e6
    config = load_config(ROOT / 'configs' / 'students' / f'{name}.py')
    student = load_student(config, path)
    assert all(torch.isfinite(weight).all() for weight in student.state_dict().values())
    if 'tasks' in config:
        classes = torch.load(path, weights_only=True)['meta']['dataset_meta']['classes']
        assert classes == [name for task in config.tasks for name in task]


def stereo_student() -> StereoPredictor:
    return StereoPredictor(load_matcher(load_config(ROOT / 'configs' / 'students' / 'stereo.py'),
                                        FOLDER / 'stereo.pth'), MatchSettings())


def test_the_stereo_student_matches_pairs_that_it_has_not_seen() -> None:
    """Of another seed of the simulated world."""
    predict, found = stereo_student(), []
    for index in range(2):
        pair = simulate_pair(get_preset('tiny'), 7, index)
        truth = pair.truth[0]
        found.append(np.abs(predict(pair.left, pair.right) - truth.disparity)[truth.noc])
    assert np.median(np.concatenate(found)) < 1


@pytest.mark.real_data
@pytest.mark.parametrize(('folder', 'file', 'worst'), [
    ('middlebury2014q_motorcycle_sttr', 'disp0GT.pfm', 0.25), ('eth3d_two_view/playground', 'disp0.pfm', 0.15)])
def test_the_stereo_student_matches_real_pairs(real_data: Path, folder: str, file: str, worst: float) -> None:
    pair = real_data / 'stereo' / folder
    truth = read_pfm(pair / file)
    found = stereo_student()(read_png(pair / 'im0.png', channels=3), read_png(pair / 'im1.png', channels=3))
    known = np.isfinite(truth)
    assert np.mean(np.abs(found - truth)[known] > 2) < worst


@pytest.mark.real_data
def test_the_astyx_student_finds_most_cars_that_are_near(real_data: Path, tmp_path: Path) -> None:
    root = tmp_path / 'astyx'
    convert_astyx(real_data / 'radar_fusion' / 'astyx_hires2019', root)
    config = load_config(ROOT / 'configs' / 'students' / 'astyx.py')
    infer(config, FOLDER / 'astyx.pth', root, tmp_path / 'out', samples=FRAMES, shown=Shown(pictures=False),
          echo=lambda line: None)
    results = json.loads((tmp_path / 'out' / 'results_nusc.json').read_bytes())['results']
    truth = load_truth(root, VERSION, 'astyx_val')
    found = []
    for token in results:
        place = truth.tokens.index(token)
        boxes = truth.boxes.take(truth.boxes.frame == place)
        near = boxes.take((boxes.label == 0) & (np.linalg.norm(boxes.ego_translation[:, :2], axis=1) < 25))
        said = np.array([row['translation'] for row in results[token] if row['detection_score'] > 0.2])
        gaps = np.linalg.norm(near.translation[:, None, :2] - said.reshape(-1, 1, 3)[None, :, 0, :2], axis=2)
        found += list(gaps.min(axis=1, initial=np.inf) < 2)
    assert len(found) > 15 and np.mean(found) > 0.6


@pytest.mark.real_data
def test_the_drone_student_finds_most_drones_and_leaves_most_else_alone(real_data: Path) -> None:
    """On pictures of videos that it was not trained on; every seventh."""
    root = real_data / 'uav' / 'svanstrom_visible'
    predict = load_predictor(load_config(ROOT / 'configs' / 'students' / 'uav.py'), FOLDER / 'uav.pth',
                             settings=FindSettings(score=0.25))
    hits, alarms = [], []
    for path in sorted((root / 'images' / 'val').glob('*.jpg'))[::7]:
        image = cv2.imread(str(path))
        rows = np.loadtxt(root / 'labels' / 'val' / f'{path.stem}.txt', ndmin=2).reshape(-1, 5)
        drones = rows[rows[:, 0] == 0, 1:] * np.tile(image.shape[1::-1], 2)
        boxes = predict(image).boxes
        centres = (boxes[:, :2] + boxes[:, 2:]) / 2
        for drone in drones:  # x, y of the centre, width, height in px
            hits.append(bool((np.abs(centres - drone[:2]) < drone[2:] / 2).all(axis=1).any()))
        if not len(drones):
            alarms.append(len(boxes))
    assert len(hits) > 10 and np.mean(hits) > 0.6
    assert len(alarms) > 20 and np.mean(alarms) < 1
