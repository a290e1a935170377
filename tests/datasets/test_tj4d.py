"""The TJ4DRadSet converter, held against a miniature of known geometry; the estimate of the ego velocity."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.utils.data_classes import RadarPointCloud
from nuscenes.utils.splits import get_scenes_of_split
from scipy.spatial.transform import Rotation

from perception_kd.datasets.convert.ego_velocity import estimate_ego_velocity
from perception_kd.datasets.convert.kitti_form import KittiLabel, box_pose
from perception_kd.datasets.convert.tj4d import VERSION, convert_tj4d
from perception_kd.datasets.nuscenes.poses import inverse, move
from tests.datasets.vod_world import motion

LOOK = Rotation.from_matrix([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
RADAR2CAMERA = motion(Rotation.from_euler('x', 3.4, degrees=True) * LOOK, (0.0, 1.33, 2.88))
LIDAR2CAMERA = motion(LOOK, (0.1, -0.3, 0.0))
EGO_VELOCITY = np.array([9.0, 0.4])
EXTENT, LOCATION, TURN = (4.5, 1.9, 1.6), (2.0, 1.2, 25.0), -1.2
TRAIN, VAL, TEST = ['010003', '070070'], ['070071'], ['200001']


def returns(count: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Directions and relative speeds of resting returns; every fifth drives on its own."""
    rng = np.random.default_rng(seed)
    points = np.c_[rng.uniform(5, 60, count), rng.uniform(-25, 25, count), rng.uniform(-1, 2, count)]
    directions = points / np.linalg.norm(points, axis=1, keepdims=True)
    speeds = -directions[:, :2] @ EGO_VELOCITY
    speeds[::5] += 6.0
    return points, speeds


def radar_points() -> np.ndarray:
    """(N, 8): the scene of :func:`returns`, then one point at the centre of the box, which rests."""
    points, speeds = returns()
    centre = inverse(RADAR2CAMERA) @ [*np.subtract(LOCATION, (0, EXTENT[2] / 2, 0)), 1]
    points = np.vstack([points, centre[:3]])
    speeds = np.append(speeds, -(centre[:2] / np.linalg.norm(centre[:3])) @ EGO_VELOCITY)
    distance = np.linalg.norm(points, axis=1)
    return np.c_[points, speeds, distance, np.full(len(points), 14.0), np.zeros((len(points), 2))].astype('<f4')


def write_text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')


def calibration(velo2camera: np.ndarray) -> list[str]:
    zeros, motion_text = ' '.join(['0.0'] * 12), ' '.join(map(repr, velo2camera[:3].reshape(-1).tolist()))
    return [f'P0: {zeros}', f'P1: {zeros}', 'P2: 300 0 160.5 0 0 301 120.2 0 0 0 1 0', f'P3: {zeros}',
            'R0_rect: 1 0 0 0 1 0 0 0 1', f'Tr_velo_to_cam: {motion_text}']


def make_tj4d(root: Path, lidar: bool = False) -> Path:
    radar, folder = root / 'TJ4DRadSet_4DRadar', root / 'TJ4DRadSet_LiDAR' / 'training'
    label = f'Car 0 3 0 0 0 1 1 {EXTENT[2]} {EXTENT[1]} {EXTENT[0]} ' + ' '.join(map(str, [*LOCATION, TURN]))
    for split, names in (('train', TRAIN), ('val', VAL), ('test', TEST)):
        write_text(radar / 'ImageSets' / f'{split}.txt', *names)
        for name in names:
            write_text(radar / 'training' / 'calib' / f'{name}.txt', *calibration(RADAR2CAMERA))
            (radar / 'training' / 'velodyne').mkdir(exist_ok=True)
            (radar / 'training' / 'velodyne' / f'{name}.bin').write_bytes(radar_points().tobytes())
            (radar / 'training' / 'image_2').mkdir(exist_ok=True)
            cv2.imwrite(str(radar / 'training' / 'image_2' / f'{name}.png'), np.full((240, 320, 3), 90, np.uint8))
            if split != 'test':
                write_text(radar / 'training' / 'label_2' / f'{name}.txt', label, label.replace('Car', 'Other'))
            if lidar:
                write_text(folder / 'calib' / f'{name}.txt', *calibration(LIDAR2CAMERA))
                (folder / 'velodyne').mkdir(exist_ok=True)
                centre = (inverse(LIDAR2CAMERA) @ [*np.subtract(LOCATION, (0, 0.3, 0)), 1])[:3]
                (folder / 'velodyne' / f'{name}.bin').write_bytes(np.array([[*centre, 80]], '<f4').tobytes())
    return root


@pytest.mark.parametrize('lidar', [False, True])
def test_conversion(tmp_path, lidar):
    report = convert_tj4d(make_tj4d(tmp_path / 'source', lidar), tmp_path / 'out')
    nusc = NuScenes(VERSION, str(tmp_path / 'out'), verbose=False)
    assert report['splits'] == dict(tj4d_train=2, tj4d_val=1, tj4d_test=1)
    assert get_scenes_of_split('tj4d_val', nusc) == ['tj4d-070071']
    assert report['counts']['left out: Other'] == 3 and report['counts']['frames without labels'] == 1
    assert report['counts']['frames of unknown ego velocity'] == report['counts']['frames that drive backwards'] == 0
    assert ('none in the source' in report['notes']['lidar']) != lidar
    assert [(row['num_lidar_pts'], row['num_radar_pts']) for row in nusc.sample_annotation] == [(int(lidar), 1)] * 3
    for row in nusc.sample_annotation:
        box, box2camera = nusc.get_box(row['token']), np.eye(4)
        upright = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
        box2camera[:3, :3] = (Rotation.from_euler('y', TURN) * upright).as_matrix()
        box2camera[:3, 3] = np.subtract(LOCATION, (0, EXTENT[2] / 2, 0))
        np.testing.assert_allclose(box.center, (inverse(RADAR2CAMERA) @ box2camera)[:3, 3], atol=1e-6)
        np.testing.assert_allclose(box.rotation_matrix, (inverse(RADAR2CAMERA) @ box2camera)[:3, :3], atol=1e-6)
        assert np.isnan(nusc.box_velocity(row['token'])).all()
    data = nusc.get('sample_data', nusc.sample[0]['data']['RADAR_FRONT'])
    points = RadarPointCloud.from_file(str(tmp_path / 'out' / data['filename'])).points
    np.testing.assert_allclose(points[8:10, -1], 0, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(points[8:10, :-1], axis=0), np.where(np.arange(60) % 5, 0, 6), atol=0.03)
    camera = nusc.get('sample_data', nusc.sample[0]['data']['CAM_FRONT'])
    assert camera['filename'].endswith('.png') and camera['fileformat'] == 'png' and camera['width'] == 320


def test_both_uprights_agree_where_the_axes_are_parallel():
    label = KittiLabel(kind='Car', truncated='0', occluded=0, extent=EXTENT, location=LOCATION, rotation=TURN)
    ours, theirs = (box_pose(label, LIDAR2CAMERA, upright=which) for which in ('velo', 'camera'))
    np.testing.assert_allclose(ours, theirs, atol=1e-12)
    ahead = KittiLabel(kind='Car', truncated='0', occluded=0, extent=EXTENT, location=LOCATION, rotation=-np.pi / 2)
    np.testing.assert_allclose(box_pose(ahead, LIDAR2CAMERA, upright='camera')[:3, :3], np.eye(3), atol=1e-12)
    bottom = move(LIDAR2CAMERA @ ours, np.array([[0.0, 0, -EXTENT[2] / 2]]))[0]
    np.testing.assert_allclose(bottom, LOCATION, atol=1e-12)


def test_ego_velocity():
    points, speeds = returns(200, seed=3)
    directions = points / np.linalg.norm(points, axis=1, keepdims=True)
    np.testing.assert_allclose(estimate_ego_velocity(directions, speeds), EGO_VELOCITY, atol=1e-6)
    noisy = speeds + np.random.default_rng(1).normal(0, 0.05, len(speeds))
    np.testing.assert_allclose(estimate_ego_velocity(directions, noisy), EGO_VELOCITY, atol=0.05)
    assert estimate_ego_velocity(directions[:9], speeds[:9]) is None
    assert estimate_ego_velocity(directions, np.random.default_rng(2).uniform(-20, 20, len(speeds))) is None
    assert estimate_ego_velocity(np.tile([1.0, 0, 0], (20, 1)), np.full(20, -9.0)) is None  # says nothing of y


def test_speeds_of_the_other_sign_are_counted(tmp_path):
    for path in (make_tj4d(tmp_path / 'source') / 'TJ4DRadSet_4DRadar' / 'training' / 'velodyne').iterdir():
        points = np.fromfile(path, '<f4').reshape(-1, 8)
        points[:, 3] *= -1
        points.tofile(path)
    assert convert_tj4d(tmp_path / 'source', tmp_path / 'out')['counts']['frames that drive backwards'] == 4


def test_bad_sources(tmp_path):
    with pytest.raises(FileNotFoundError, match='is not TJ4DRadSet'):
        convert_tj4d(tmp_path, tmp_path / 'out')
    radar = make_tj4d(tmp_path / 'source') / 'TJ4DRadSet_4DRadar' / 'training'
    calib = radar / 'calib' / '070070.txt'
    text = calib.read_text()
    calib.write_text(text.replace('160.5 0 0', '160.5 45 0'))
    with pytest.raises(ValueError, match='only the reference camera'):
        convert_tj4d(tmp_path / 'source', tmp_path / 'out')
    calib.write_text(text)
    (radar / 'velodyne' / '070070.bin').write_bytes(b'')
    with pytest.raises(ValueError, match='without a single point, and no LiDAR'):
        convert_tj4d(tmp_path / 'source', tmp_path / 'out')
    (radar / 'image_2' / '070070.png').unlink()
    with pytest.raises(FileNotFoundError, match='1 files of the frame lists are missing') as caught:
        convert_tj4d(tmp_path / 'source', tmp_path / 'out')
    assert '070070.png' in str(caught.value) and not (tmp_path / 'out').exists()
