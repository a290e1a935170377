"""The Astyx converter: a made-up source with known geometry, damaged sources, and the real one."""

import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud, RadarPointCloud
from nuscenes.utils.geometry_utils import view_points
from nuscenes.utils.splits import get_scenes_of_split
from pyquaternion import Quaternion

from perception_kd.datasets.convert.astyx import (
    GROUND_PLANE,
    VERSION,
    convert_astyx,
    lidar_to_ego,
    radar_fields,
    splits_of,
)
from perception_kd.datasets.convert.astyx_source import read_labels
from perception_kd.datasets.nuscenes.formats import read_lidar_bin
from perception_kd.evaluation.nuscenes_official import evaluate_devkit
from tests.evaluation.helpers import perfect_results, save

FRAMES = ('000345', '000346', '000351', '000446')
CAR, LOST, TOWED = (20.0, 3.0, 0.4), (30.0, -5.0, 0.8), (15.0, 0.0, 0.0)
INTRINSIC = np.array([[1000.0, 0, 400], [0, 1000, 200], [0, 0, 1]])  # of the full size, twice the picture's


def pose(translation: tuple, axis: tuple, degrees: float) -> np.ndarray:
    result = Quaternion(axis=axis, degrees=degrees).transformation_matrix
    result[:3, 3] = translation
    return result


LIDAR2REF = pose((-0.1, 0.0, 0.1), (1, 2, 3), 4.0)
CAMERA2REF = pose((0.0, 0.1, 0.2), (0, 0, 1), -90.0) @ pose((0, 0, 0), (1, 0, 0), -90.0)


def label(kind: str, centre: tuple, occlusion: int = 0) -> dict:
    turn = Quaternion(axis=(0, 0, 1), degrees=30)
    return dict(classname=kind, center3d=centre, dimension3d=[4.0, 2.0, 1.5], occlusion=occlusion,
                orientation_quat=list(turn.elements))


def make_source(root: Path) -> Path:
    """Four frames; the car holds 3 LiDAR and 2 radar points, the truck none, the towed object is no class."""
    objects = [label('Car', CAR, 1), label('Truck', LOST), label('Towed Object', TOWED)]
    sensors = {'radar_6455': np.eye(4), 'lidar_vlp16': LIDAR2REF, 'camera_front': CAMERA2REF}
    calibration = [dict(sensor_uid=name, calib_data=dict(T_to_ref_COS=matrix.tolist(), K=INTRINSIC.tolist()))
                   for name, matrix in sensors.items()]
    labels = {name: dict(objects=objects, calibration=calibration) for name in FRAMES}
    (root / 'points').mkdir(parents=True)
    (root / 'camera_front').mkdir()
    (root / 'labels_and_calibration.json.gz').write_bytes(gzip.compress(json.dumps(labels).encode()))
    in_lidar = np.linalg.inv(LIDAR2REF) @ [*CAR, 1]
    xyz = np.round(100 * (in_lidar[:3] + [[0, 0, 0], [0.3, 0, 0], [0, 0.3, 0.2], [9, 9, 0]])).astype(np.int16)
    beside = np.add(CAR, (0, 0.2, 0.1))
    radar = np.array([[*CAR, 3.0, 60.0], [*beside, -2.0, 70.0], [40, 0, 1, 0, 50]], np.float32)
    laser = np.arange(4, dtype=np.uint8)
    for name in FRAMES:
        np.savez(root / 'points' / f'{name}.npz', radar_xyz_vr_mag=radar, lidar_xyz_cm=xyz,
                 lidar_reflectivity=laser + 250, lidar_laser_id=laser)
        cv2.imwrite(str(root / 'camera_front' / f'{name}.jpg'), np.full((200, 400, 3), 90, np.uint8))
    return root


@pytest.fixture(scope='module')
def converted(tmp_path_factory) -> tuple[NuScenes, dict]:
    folder = tmp_path_factory.mktemp('astyx')
    report = convert_astyx(make_source(folder / 'source'), folder / 'out', workers=2)
    return NuScenes(VERSION, str(folder / 'out'), verbose=False), report


def test_splits_and_report(converted):
    nusc, report = converted
    assert [splits_of(name) for name in FRAMES] == [
        ['astyx_train'], ['astyx_val'], ['astyx_val', 'astyx_val_gap'], ['astyx_test']]
    assert get_scenes_of_split('astyx_val', nusc) == ['astyx-000346', 'astyx-000351']
    assert report['splits'] == dict(astyx_train=1, astyx_val=2, astyx_val_gap=1, astyx_test=1)
    assert report['counts'] == {'boxes without LiDAR or radar points': 4, 'boxes: vehicle.car': 4,
                                'boxes: vehicle.truck': 4, 'left out: Towed Object': 4}
    written = json.loads((Path(nusc.dataroot) / VERSION / 'conversion.json').read_text())
    assert 'raw' in written['notes']['radar_velocity'] and 'raw' in nusc.scene[0]['description']


def test_no_sweeps_no_tracks_no_motion(converted):
    nusc, _ = converted
    assert all(row['prev'] == row['next'] == '' for row in nusc.sample_data + nusc.sample_annotation)
    assert all(row['translation'] == [0, 0, 0] and row['rotation'] == [1, 0, 0, 0] for row in nusc.ego_pose)
    assert all(np.isnan(nusc.box_velocity(row['token'])).all() for row in nusc.sample_annotation)
    assert all(row['attribute_tokens'] == [] for row in nusc.sample_annotation)


def test_counts_and_sizes(converted):
    nusc, _ = converted
    cars = [row for row in nusc.sample_annotation if row['category_name'] == 'vehicle.car']
    assert [(row['num_lidar_pts'], row['num_radar_pts']) for row in cars] == [(3, 2)] * 4
    assert cars[0]['size'] == [2.0, 4.0, 1.5] and cars[0]['visibility_token'] == '2'


def test_points_lie_in_their_box_through_the_devkit(converted):
    nusc, _ = converted
    sample = nusc.sample[0]
    for channel, reader in (('LIDAR_TOP', LidarPointCloud), ('RADAR_FRONT', RadarPointCloud)):
        path, boxes, _ = nusc.get_sample_data(sample['data'][channel])
        points = reader.from_file(path).points
        car = next(box for box in boxes if box.name == 'vehicle.car')
        np.testing.assert_allclose(points[:3, 0], car.center, atol=0.006)  # LiDAR is in whole centimetres
    assert read_lidar_bin(nusc.get_sample_data_path(sample['data']['LIDAR_TOP']))[:, 3:].tolist() == [
        [250, 0], [251, 1], [252, 2], [253, 3]]


def test_projection_into_the_half_size_picture(converted):
    nusc, _ = converted
    token = nusc.sample[0]['data']['CAM_FRONT']
    _, boxes, intrinsic = nusc.get_sample_data(token)
    car = next(box for box in boxes if box.name == 'vehicle.car')
    in_camera = (np.linalg.inv(CAMERA2REF) @ [*CAR, 1])[:3]
    pixel = (INTRINSIC @ in_camera)[:2] / in_camera[2]
    np.testing.assert_allclose(view_points(car.center[:, None], intrinsic, True)[:2, 0], pixel / 2)
    assert (nusc.get('sample_data', token)['width'], nusc.get('sample_data', token)['height']) == (400, 200)


def test_approaching_targets_get_a_velocity_towards_the_sensor():
    fields = radar_fields(np.array([[3.0, 4.0, 2.0, 2.5, 60.0], [5.0, 0.0, 0.0, -1.0, 50.0]]))
    np.testing.assert_allclose(fields['vx'], [-1.5, 1.0])
    np.testing.assert_allclose(fields['vy'], [-2.0, 0.0])
    np.testing.assert_array_equal(fields['vx_comp'], fields['vx'])
    np.testing.assert_array_equal(fields['z'], [2.0, 0.0])
    np.testing.assert_array_equal(fields['rcs'], [60.0, 50.0])


def test_ego_frame_lies_on_the_ground_plane():
    a, b, c = GROUND_PLANE
    x, y = np.meshgrid([0.0, 30, 60], [-20.0, 0, 20])
    on_ground = np.stack([x, y, a * x + b * y + c, np.ones_like(x)]).reshape(4, -1)
    np.testing.assert_allclose((lidar_to_ego() @ on_ground)[2], 0, atol=1e-12)
    assert lidar_to_ego()[0, 0] > 0.999  # x stays forward


@pytest.mark.parametrize(('name', 'content', 'message'), [
    ('points/000346.npz', b'half', r'000346\.npz is damaged'),
    ('points/000346.npz', None, r'000346\.npz is missing'),
    ('camera_front/000351.jpg', b'half', r'000351\.jpg is no whole picture'),
    ('camera_front/000351.jpg', b'', r'000351\.jpg is no whole picture'),
    ('labels_and_calibration.json.gz', b'half', r'json\.gz is damaged'),
    ('labels_and_calibration.json.gz', None, r'is not the compact Astyx'),
])
@pytest.mark.parametrize('workers', [1, 2])
def test_damaged_sources(tmp_path, name, content, message, workers):
    path = make_source(tmp_path / 'source') / name
    if content is None:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:len(path.read_bytes()) // 2] if content else b'')
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        convert_astyx(tmp_path / 'source', tmp_path / 'out', workers=workers)
    assert not (tmp_path / 'out').exists()


def replace_labels(root: Path, change) -> None:
    path = root / 'labels_and_calibration.json.gz'
    labels = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps(change(labels)).encode()))


def without(key: str):
    return lambda frame: {name: value for name, value in frame.items() if name != key}


@pytest.mark.parametrize(('change', 'message'), [
    (lambda frame: [1], 'labels hold a box that is none'),
    (without('objects'), 'labels hold a box that is none'),
    (without('calibration'), 'labels lack .calibration'),
    (lambda frame: {**frame, 'calibration': []}, 'labels lack .camera_front'),
    (lambda frame: frame['calibration'][1]['calib_data']['T_to_ref_COS'].pop() and frame, 'is no .4, 4. matrix'),
    (lambda frame: {**frame, 'objects': [{**frame['objects'][0], 'center3d': [1, float('nan'), 2]}]}, 'a box that is'),
    (lambda frame: {**frame, 'objects': [without('dimension3d')(frame['objects'][0])]}, 'a box that is none'),
])
def test_labels_of_another_form(tmp_path, change, message):
    source = make_source(tmp_path / 'source')
    replace_labels(source, lambda labels: {**labels, FRAMES[0]: change(labels[FRAMES[0]])})
    with pytest.raises(ValueError, match=f'frame {FRAMES[0]}: .*{message}') as caught:
        convert_astyx(source, tmp_path / 'out')
    assert '\n' not in str(caught.value) and not (tmp_path / 'out').exists()


@pytest.mark.parametrize('labels', [[1, 2], {}, 3])
def test_labels_that_name_no_frames(tmp_path, labels):
    replace_labels(make_source(tmp_path / 'source'), lambda old: labels)
    with pytest.raises(ValueError, match=r'calibration\.json\.gz names no frames'):
        convert_astyx(tmp_path / 'source', tmp_path / 'out')


@pytest.mark.parametrize(('key', 'value', 'message'), [
    ('radar_xyz_vr_mag', np.full((2, 5), np.nan), 'radar_xyz_vr_mag holds something that is no finite number'),
    ('radar_xyz_vr_mag', np.ones((2, 4)), r'must be \(N, 5\), got \(2, 4\)'),
    ('lidar_reflectivity', np.ones(1), 'its LiDAR arrays differ in length'),
])
def test_points_of_another_form(tmp_path, key, value, message):
    path = make_source(tmp_path / 'source') / 'points' / f'{FRAMES[0]}.npz'
    with np.load(path) as content:
        arrays = {**content, key: value}
    np.savez(path, **arrays)
    with pytest.raises(ValueError, match=rf'{FRAMES[0]}\.npz: .*{message}'):
        convert_astyx(tmp_path / 'source', tmp_path / 'out')


def test_missing_folder_and_existing_target(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        convert_astyx(tmp_path / 'nowhere', tmp_path / 'out')
    source = make_source(tmp_path / 'source')
    convert_astyx(source, tmp_path / 'out')
    with pytest.raises(FileExistsError, match='--force'):
        convert_astyx(source, tmp_path / 'out')
    convert_astyx(source, tmp_path / 'out', force=True)


@pytest.fixture(scope='module')
def real(real_data, tmp_path_factory) -> tuple[Path, NuScenes]:
    """Every third frame of the real data, converted."""
    whole, folder = real_data / 'radar_fusion' / 'astyx_hires2019', tmp_path_factory.mktemp('astyx_real')
    labels = {name: one for name, one in read_labels(whole).items() if int(name) % 3 == 0}
    content = gzip.compress(json.dumps(labels).encode())
    (folder / 'third').mkdir()
    (folder / 'third' / 'labels_and_calibration.json.gz').write_bytes(content)
    for name in ('points', 'camera_front'):
        (folder / 'third' / name).symlink_to((whole / name).resolve())
    convert_astyx(folder / 'third', folder / 'out', workers=2)
    return folder / 'out', NuScenes(VERSION, str(folder / 'out'), verbose=False)


@pytest.mark.real_data
def test_real_astyx_is_read_by_the_devkit(real, tmp_path):
    root, nusc = real
    assert len(nusc.sample) == 149 and len(get_scenes_of_split('astyx_val', nusc)) == 33
    path = save(tmp_path / 'r.json', perfect_results(root, VERSION, 'astyx_val'))
    summary = evaluate_devkit(path, root, VERSION, 'astyx_val')
    assert summary['mean_ap_present'] > 0.99 and summary['num_gt']['car'] > 100
    held = np.array([[row['num_lidar_pts'] > 0, row['num_radar_pts'] > 0] for row in nusc.sample_annotation])
    # SOURCE.md counted all 546 frames: 66 % of the boxes hold a LiDAR point, 93 % a radar point.
    np.testing.assert_allclose(held.mean(axis=0), [0.66, 0.93], atol=0.04)


@pytest.mark.real_data
def test_real_astyx_stands_on_the_ground(real):
    """A plane fitted to the training boxes is level, and boxes of all frames stand on it near and far."""
    _, nusc = real
    number = {row['token']: 3 * index for index, row in enumerate(nusc.sample)}
    bottoms = np.array([[number[row['sample_token']], *row['translation'][:2],
                         row['translation'][2] - row['size'][2] / 2] for row in nusc.sample_annotation])
    training = bottoms[bottoms[:, 0] <= 345]
    plane = np.linalg.lstsq(np.c_[training[:, 1:3], np.ones(len(training))], training[:, 3], rcond=None)[0]
    assert (np.abs(plane) < [0.003, 0.005, 0.05]).all()
    for near, far in ((0, 20), (20, 40), (40, 60)):
        chosen = bottoms[(bottoms[:, 1] > near) & (bottoms[:, 1] <= far)]
        assert abs(chosen[:, 3].mean()) < 0.1
