"""The larger presets, with all their streets and actors but few and small pictures and no sweeps."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.detection.utils import category_to_detection_name

from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from perception_kd.simulation.actors.catalogue import CLASSES
from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.writers.nuscenes import VERSION, simulate_nuscenes
from tests.evaluation.helpers import perfect_results, save

KEYS = 5


@pytest.fixture(scope='module', params=['small', 'full'])
def root(request, tmp_path_factory):
    """One scene, as long as the preset's, with key frames far apart; all scenes of a set are drawn alike."""
    preset = get_preset(request.param)
    gap = preset.duration / (KEYS - 1)
    thin = replace(preset, key_frames=KEYS, key_interval=gap, camera_rate=1 / gap, lidar_rate=1 / gap,
                   radar_rate=1 / gap, image_size=(96, 54))  # fmt: skip
    return simulate_nuscenes(tmp_path_factory.mktemp('sim') / request.param, scenes=1, seed=2, preset=thin, workers=1)


def test_every_class_is_in_range_with_points(root):
    nusc = NuScenes(VERSION, str(root), verbose=False)
    reach = config_factory('detection_cvpr_2019').class_range
    assert len(nusc.sample) == KEYS
    shown = Counter()
    for sample in nusc.sample:
        pose = nusc.get('ego_pose', nusc.get('sample_data', sample['data']['LIDAR_TOP'])['ego_pose_token'])
        for token in sample['anns']:
            row = nusc.get('sample_annotation', token)
            name = category_to_detection_name(row['category_name'])
            away = np.hypot(*np.subtract(row['translation'], pose['translation'])[:2])
            shown[name] += away < reach[name] and row['num_lidar_pts'] > 0
    assert all(shown[name] for name in CLASSES), shown
    assert len(nusc.sample_annotation) / len(nusc.sample) > 35, 'as dense as nuScenes'


def test_perfect_predictions_score_one_in_every_class(root, tmp_path):
    path = save(tmp_path / 'results.json', perfect_results(root, VERSION, 'sim_train'))
    summary = evaluate_devkit(path, root, VERSION, 'sim_train')
    assert min(summary['mean_dist_aps'][name] for name in CLASSES) > 0.99, summary['mean_dist_aps']
    assert summary['tp_errors']['trans_err'] < 1e-6 and summary['tp_errors']['orient_err'] < 1e-6
