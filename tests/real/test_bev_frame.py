"""The real frame seen from the ego car: the same boxes in the world, the same pixels, the same points in the boxes."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.poses import move, upright_yaw
from perception_kd.datasets.transforms import (
    ImageAug,
    LidarDepthTarget,
    LoadBoxes3D,
    LoadLidarSweeps,
    LoadMultiViewImages,
    LoadRadarSweeps,
    ToBEVFrame,
)
from perception_kd.evaluation.submission import boxes_to_rows
from perception_kd.structures.classes import NUSCENES_CLASSES
from tests.real.test_infos import count_inside

pytestmark = pytest.mark.real_data


@pytest.fixture
def both(sample: dict) -> list[dict]:
    """The loaded frame in the LiDAR frame, which is tilted by 2.2 degrees, and in the ego frame."""
    for step in (LoadMultiViewImages(), LoadLidarSweeps(remove_close=0.0), LoadRadarSweeps(),
                 LoadBoxes3D(valid_only=False)):
        sample = step(sample)
    # One key frame knows no velocities: made-up ones of 5 m/s in all directions.
    angles = np.linspace(0, 2 * np.pi, len(sample['gt_bboxes_3d']))
    sample['gt_bboxes_3d'].tensor[:, 7:9] = sample['gt_bboxes_3d'].tensor.new_tensor(
        5 * np.stack([np.cos(angles), np.sin(angles)], axis=1))
    return [sample, ToBEVFrame(frame='ego')(copy.deepcopy(sample))]


def rows_of(sample: dict) -> dict[str, np.ndarray]:
    boxes = sample['gt_bboxes_3d']
    table = boxes.tensor.double().numpy().copy()
    table[:, :3] = boxes.gravity_center
    rows = boxes_to_rows(token='a', boxes=table, scores=np.linspace(1, 0.5, len(table)),
                         labels=sample['gt_labels_3d'], classes=NUSCENES_CLASSES,
                         lidar2ego=sample['lidar_points']['lidar2ego'], ego2global=sample['ego2global'])
    found = {key: np.array([row[key] for row in rows]) for key in ('translation', 'size', 'rotation', 'velocity')}
    axes = Rotation.from_quat(found['rotation'][:, [1, 2, 3, 0]]).as_matrix()[:, :2, 0]
    return {**found, 'yaw': np.arctan2(axes[:, 1], axes[:, 0])}


def test_boxes_are_submitted_alike(both: list[dict], devkit) -> None:
    lidar, ego = map(rows_of, both)
    np.testing.assert_allclose(ego['translation'], lidar['translation'], atol=1e-4)
    np.testing.assert_array_equal(ego['size'], lidar['size'])
    np.testing.assert_allclose(np.exp(1j * ego['yaw']), np.exp(1j * lidar['yaw']), atol=1e-3)
    np.testing.assert_allclose(ego['velocity'], lidar['velocity'], atol=0.01)
    theirs = [one for one in devkit.sample_annotation if one['sample_token'] == both[0]['token']]
    nearest = [int(np.argmin([np.linalg.norm(np.subtract(one['translation'], place)) for one in theirs]))
               for place in ego['translation']]
    assert sorted(nearest) == list(range(len(theirs)))
    quaternions = np.array([theirs[index]['rotation'] for index in nearest])
    yaws = Rotation.from_quat(quaternions[:, [1, 2, 3, 0]]).as_euler('ZYX')[:, 0]
    np.testing.assert_allclose(ego['translation'], [theirs[index]['translation'] for index in nearest], atol=1e-3)
    np.testing.assert_allclose(np.exp(1j * ego['yaw']), np.exp(1j * yaws), atol=1e-3)


def test_boxes_hold_the_points_they_claim(both: list[dict]) -> None:
    """All 68, exactly, upright in the world: as in the LiDAR frame."""
    _, ego = both
    pose, boxes = ego['ego2global'] @ ego['lidar_points']['lidar2ego'], ego['gt_bboxes_3d']
    points = move(pose, ego['points'].astype(np.float64))
    centres = move(pose, boxes.gravity_center.numpy().astype(np.float64))
    held = [count_inside(points - centre, size, yaw)
            for centre, size, yaw in zip(centres, boxes.dims.numpy(), upright_yaw(boxes.yaw.numpy(), pose))]
    np.testing.assert_array_equal(held, ego['gt_num_lidar_pts'])


def test_depth_targets_and_radar_ranges_are_the_same(both: list[dict]) -> None:
    for one in both:
        np.random.seed(4)
        aug = ImageAug(final_size=(256, 704), resize_lim=(0.386, 0.55), flip_prob=0.5, training=True)
        LidarDepthTarget(stride=16, depth_range=(2, 58))(aug(one))
    lidar, ego = both
    assert (lidar['depth_target'] > 0).sum() > 500
    assert (np.abs(ego['depth_target'] - lidar['depth_target']) < 1e-3).mean() > 0.999  # float32 at block borders
    assert len(lidar['radar']) > 50
    for key, columns in (('radar', slice(4, 6)), ('radar', slice(0, 3))):
        size = [np.linalg.norm(one[key][:, columns] - (0 if columns.start else offset), axis=1)
                for one, offset in ((lidar, 0), (ego, lidar['lidar_points']['lidar2ego'][:3, 3]))]
        np.testing.assert_allclose(size[1], size[0], rtol=2e-3)
