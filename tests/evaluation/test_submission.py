"""Boxes to result rows, against mmdet3d's own conversion; result files that must be refused."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import perception_kd.compat  # noqa: F401  isort: skip
from mmdet3d.evaluation.metrics.nuscenes_metric import (
    NuScenesMetric,
    lidar_nusc_box_to_global,
    output_to_nusc_box,
)
from mmdet3d.structures import LiDARInstance3DBoxes
from nuscenes.eval.detection.config import config_factory

from perception_kd.evaluation.submission import boxes_to_rows, check_tokens, default_attribute, read_results
from perception_kd.structures.classes import NUSCENES_CLASSES
from tests.evaluation.helpers import save


def random_pose(rng: np.random.Generator, tilt: float) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler('zyx', [rng.uniform(-3, 3), *rng.normal(0, tilt, 2)]).as_matrix()
    pose[:3, 3] = rng.uniform(-5, 5, 3)
    return pose


def test_rows_equal_mmdet3ds_conversion():
    import torch

    rng = np.random.default_rng(3)
    lidar2ego, ego2global = random_pose(rng, 0.02), random_pose(rng, 0.02)
    table = np.c_[rng.uniform(-18, 18, (40, 2)), rng.uniform(-2, 1, 40), rng.uniform(0.5, 6, (40, 3)),
                  rng.uniform(-3, 3, 40), rng.normal(0, 2, (40, 2))]
    boxes = LiDARInstance3DBoxes(torch.tensor(table, dtype=torch.float32), box_dim=9)
    scores, labels = rng.random(40).astype(np.float32), rng.integers(0, 10, 40)
    centred = np.c_[boxes.gravity_center.numpy(), boxes.tensor.numpy()[:, 3:]]
    ours = boxes_to_rows(token='t', boxes=centred, scores=scores, labels=labels, classes=NUSCENES_CLASSES,
                         lidar2ego=lidar2ego, ego2global=ego2global)

    found = dict(bboxes_3d=boxes, scores_3d=torch.tensor(scores), labels_3d=torch.tensor(labels))
    info = {'lidar_points': {'lidar2ego': lidar2ego}, 'ego2global': ego2global}
    theirs = lidar_nusc_box_to_global(info, output_to_nusc_box(found)[0], list(NUSCENES_CLASSES),
                                      config_factory('detection_cvpr_2019'))
    theirs = sorted(theirs, key=lambda box: -box.score)
    assert len(theirs) == len(ours) == 40
    for row, box in zip(ours, theirs):
        np.testing.assert_allclose(row['translation'], box.center, atol=1e-5)
        np.testing.assert_allclose(row['size'], box.wlh, atol=1e-6)
        np.testing.assert_allclose(row['velocity'], box.velocity[:2], atol=1e-5)
        turn = np.array(row['rotation'])
        assert abs(abs(turn @ box.orientation.elements) - 1) < 1e-9
        assert row['detection_name'] == NUSCENES_CLASSES[box.label]


def test_attributes_are_mmdet3ds_defaults():
    for name in NUSCENES_CLASSES:
        resting = {'pedestrian': 'pedestrian.standing', 'bus': 'vehicle.stopped'}
        assert default_attribute(name, 0.1) == resting.get(name, NuScenesMetric.DefaultAttribute[name])
    moving = {name: default_attribute(name, 0.3) for name in NUSCENES_CLASSES}
    assert moving['car'] == moving['bus'] == moving['construction_vehicle'] == 'vehicle.moving'
    assert moving['bicycle'] == moving['motorcycle'] == 'cycle.with_rider'
    assert moving['pedestrian'] == 'pedestrian.moving' and moving['barrier'] == moving['traffic_cone'] == ''


def convert(boxes: np.ndarray, scores: np.ndarray, labels: np.ndarray) -> list[dict]:
    return boxes_to_rows(token='t', boxes=boxes, scores=scores, labels=labels, classes=NUSCENES_CLASSES,
                         lidar2ego=np.eye(4), ego2global=np.eye(4))


def test_the_best_500_boxes_are_kept_and_none_is_fine():
    scores = np.random.default_rng(0).random(700)
    rows = convert(np.ones((700, 9)), scores, np.zeros(700, int))
    assert [row['detection_score'] for row in rows] == sorted(scores, reverse=True)[:500]
    assert convert(np.ones((0, 9)), np.ones(0), np.zeros(0, int)) == []


def test_boxes_without_velocity_rest():
    row = convert(np.ones((1, 7)), np.ones(1), np.zeros(1, int))[0]
    assert row['velocity'] == [0, 0] and row['attribute_name'] == 'vehicle.parked'


@pytest.mark.parametrize(('boxes', 'score', 'label', 'message'), [
    (np.full((1, 9), np.nan), 0.5, 0, 'sample t: 1 of 1 predictions hold NaN'),
    (np.ones((1, 9)), np.inf, 0, 'NaN or infinity'),
    (np.ones((1, 9)), 0.5, 10, 'labels 10..10 for 10 classes'),
    (np.ones((1, 8)), 0.5, 0, r'\(1, 8\)'),
])
def test_bad_predictions(boxes, score, label, message):
    with pytest.raises(ValueError, match=message):
        convert(boxes, np.array([score]), np.array([label]))


ROW = dict(sample_token='a', translation=[0, 0, 0], size=[1, 1, 1], rotation=[1, 0, 0, 0], velocity=[0, 0],
           detection_name='car', detection_score=0.5, attribute_name='')


@pytest.mark.parametrize(('content', 'message'), [
    ({'results': {}}, '"meta" and "results"'),
    ({'meta': {}, 'results': {'a': []}}, '1 samples, but 2 are expected: 1 missing, 0 foreign'),
    ({'meta': {}, 'results': {'a': [], 'b': [], 'z': []}}, '0 missing, 1 foreign'),
    ({'meta': {}, 'results': {'a': [{**ROW, 'detection_score': np.nan}], 'b': []}}, 'car box holds NaN'),
    ({'meta': {}, 'results': {'a': [{**ROW, 'size': [1, 1]}], 'b': []}}, 'size must have 3'),
    ({'meta': {}, 'results': {'a': [{'size': [1, 1, 1]}], 'b': []}}, 'lacks field'),
    ({'meta': {}, 'results': {'a': [ROW] * 501, 'b': []}}, '501 boxes'),
])
def test_bad_result_files(tmp_path, content, message):
    path = save(tmp_path / 'r.json', content)
    with pytest.raises(ValueError, match=message):
        read_results(path, ['a', 'b'])


def test_result_file_missing_or_not_json(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'r\.json does not exist'):
        read_results(tmp_path / 'r.json', ['a'])
    (tmp_path / 'r.json').write_text('{"meta": ')
    with pytest.raises(ValueError, match=r'r\.json is not valid JSON'):
        read_results(tmp_path / 'r.json', ['a'])


def test_further_samples_may_be_allowed():
    check_tokens(['a', 'b', 'c'], ['a'], 'here', allowed=['b', 'c'])
    with pytest.raises(ValueError, match='here: 3 samples'):
        check_tokens(['a', 'b', 'c'], ['a'], 'here', allowed=['b'])
