"""Info files against nuscenes-devkit, against a real info file of mmdet3d, and read by mmdet3d itself."""

import pickle

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.infos import resolve_path, scene_infos
from perception_kd.datasets.nuscenes.joined_tables import NuScenesTables
from perception_kd.datasets.nuscenes.poses import inverse, pose_matrix, yaw_of, yaws_of
from perception_kd.datasets.nuscenes.stamp import load_infos
from tests.tiny_world import DRIVING, SENSORS, SPEED, SWEEPS_BETWEEN, VERSION, ego_pose, sensor2global


@pytest.fixture(scope='module')
def infos(tiny_root):
    return load_infos(tiny_root / 'nuscenes_infos_tiny_train.pkl')[1]


@pytest.fixture(scope='module')
def devkit(tiny_root):
    from nuscenes.nuscenes import NuScenes
    return NuScenes(VERSION, str(tiny_root), verbose=False)


def test_boxes_equal_the_devkits(infos, devkit):
    for info in infos:
        lidar = devkit.get('sample', info['token'])['data']['LIDAR_TOP']
        _, boxes, _ = devkit.get_sample_data(lidar)
        ours = {one['token']: one for one in info['instances']}
        assert len(boxes) == len(ours) == 6
        lidar2global = np.array(info['ego2global']) @ info['lidar_points']['lidar2ego']
        for box in boxes:
            one = ours[box.token]
            width, length, height = box.wlh
            yaw = yaw_of(box.rotation_matrix)
            np.testing.assert_allclose(one['bbox_3d'], [*box.center, length, width, height, yaw], atol=1e-6)
            velocity = lidar2global[:3, :3].T @ devkit.box_velocity(box.token)
            np.testing.assert_allclose(one['velocity'], velocity[:2], atol=1e-6)
            assert one['bbox_label'] == (-1 if 'rack' in box.name else one['bbox_label_3d'])
            assert one['bbox_3d_isvalid'] == ('bus' not in box.name)


def test_driving_box_has_its_speed(infos, tiny_root):
    tables = NuScenesTables(tiny_root, VERSION)
    category = dict(zip(tables.instance_tokens, tables.instance_categories))
    speeds = [np.hypot(*one['velocity']) for info in infos for one in info['instances']
              if category[one['instance_token']] == DRIVING]
    assert len(speeds) == len(infos)
    np.testing.assert_allclose(speeds, np.hypot(*SPEED), atol=1e-6)


def test_sensor_poses_include_ego_motion(infos):
    info, scene, key = infos[1], 0, 0.5
    lidar2global = sensor2global(scene, 'LIDAR_TOP', key)
    np.testing.assert_allclose(info['ego2global'], pose_matrix(*ego_pose(scene, key)), atol=1e-9)
    for channel, image in info['images'].items():
        wanted = inverse(sensor2global(scene, channel, key + SENSORS[channel][2])) @ lidar2global
        np.testing.assert_allclose(image['lidar2cam'], wanted, atol=1e-6)
    for channel, radar in info['radar_points'].items():
        assert len(radar['sweeps']) == SWEEPS_BETWEEN + 1  # the first key frame of the scene ends the chain
        for sweep in (radar, *radar['sweeps']):
            seconds = key + sweep['timestamp'] - info['timestamp']
            wanted = inverse(lidar2global) @ sensor2global(scene, channel, seconds)
            np.testing.assert_allclose(sweep['radar2lidar'], wanted, atol=1e-4)


def test_sweeps_are_limited_and_newest_first(tiny_root):
    info = scene_infos(NuScenesTables(tiny_root, VERSION), 'tiny-0', lidar_sweeps=4, radar_sweeps=1)[-1]
    times = [sweep['timestamp'] for sweep in info['lidar_sweeps']]
    assert len(times) == 4 and times == sorted(times, reverse=True) and times[0] < info['timestamp']
    assert [len(radar['sweeps']) for radar in info['radar_points'].values()] == [1, 1]


def test_every_path_is_there(infos, tiny_root):
    for info in infos:
        paths = [resolve_path(tiny_root, 'LIDAR_TOP', info['lidar_points']['lidar_path'])]
        paths += [resolve_path(tiny_root, 'LIDAR_TOP', sweep['lidar_points']['lidar_path'])
                  for sweep in info['lidar_sweeps']]
        paths += [resolve_path(tiny_root, name, image['img_path']) for name, image in info['images'].items()]
        paths += [resolve_path(tiny_root, name, sweep['radar_path'])
                  for name, radar in info['radar_points'].items() for sweep in (radar, *radar['sweeps'])]
        assert all(path.is_file() for path in paths)


def test_mmdet3d_reads_our_infos(tiny_root):
    import perception_kd.compat  # noqa: F401  isort: skip
    from mmdet3d.datasets import NuScenesDataset

    prefix = {'pts': 'samples/LIDAR_TOP', 'sweeps': 'sweeps/LIDAR_TOP', 'CAM_FRONT': 'samples/CAM_FRONT',
              'CAM_BACK': 'samples/CAM_BACK'}
    theirs = NuScenesDataset(
        data_root=str(tiny_root), ann_file='nuscenes_infos_tiny_train.pkl', data_prefix=prefix,
        use_valid_flag=True, modality={'use_lidar': True, 'use_camera': True})
    info = theirs.get_data_info(2)
    files = [info['lidar_points']['lidar_path'], *(image['img_path'] for image in info['images'].values()),
             *(sweep['lidar_points']['lidar_path'] for sweep in info['lidar_sweeps'])]
    assert all((tiny_root / path).is_file() for path in files)
    # Of six boxes one holds no point; one is of no detection class and keeps the label -1.
    assert sorted(info['ann_info']['gt_labels_3d']) == [-1, 0, 1, 7, 9]
    assert info['ann_info']['gt_bboxes_3d'].tensor.shape == (5, 9)


@pytest.mark.real_data
def test_real_frame_equals_mmdet3ds_info(real_data):
    folder = real_data / 'nuscenes' / 'frame_scene0061_s0'
    with next(folder.glob('*.pkl')).open('rb') as file:
        wanted = pickle.load(file)['data_list'][0]
    (info,) = scene_infos(NuScenesTables(folder, 'v1.0-oneframe'), 'scene-0061')
    for key in ('token', 'timestamp'):
        assert info[key] == wanted[key]
    np.testing.assert_allclose(info['ego2global'], wanted['ego2global'], atol=1e-4)
    assert info['lidar_points']['lidar_path'] == wanted['lidar_points']['lidar_path']
    assert set(info['images']) == set(wanted['images'])
    for channel, image in wanted['images'].items():
        ours = info['images'][channel]
        assert {key: ours[key] for key in ('img_path', 'sample_data_token', 'timestamp')} == {
            key: image[key] for key in ('img_path', 'sample_data_token', 'timestamp')}
        for key in ('cam2img', 'cam2ego', 'lidar2cam'):
            np.testing.assert_allclose(ours[key], image[key], atol=1e-6)
    boxes = [one for one in wanted['instances'] if one['bbox_label'] >= 0]
    assert len(info['instances']) == len(boxes) == 68
    for ours, theirs in zip(info['instances'], boxes):
        # The tables of this frame hold yaw only, so headings may differ by the tilt of the road.
        np.testing.assert_allclose(ours['bbox_3d'], theirs['bbox_3d'], atol=1e-3)
        for key in ('bbox_label', 'bbox_3d_isvalid', 'num_lidar_pts', 'num_radar_pts'):
            assert ours[key] == theirs[key]


def test_yaws_do_not_depend_on_where_the_result_lies():
    rotations = np.random.default_rng(0).normal(size=(130, 4, 4))
    ours, seen = yaws_of(rotations), set()
    np.testing.assert_allclose(ours, [yaw_of(one) for one in rotations], rtol=1e-15)
    for _ in range(200):  # each time with other neighbours in memory
        blocks = [np.zeros(place) for place in range(0, 700, 7)]
        del blocks[::2]
        seen.add(yaws_of(rotations.copy()).tobytes())
    assert seen == {ours.tobytes()}
