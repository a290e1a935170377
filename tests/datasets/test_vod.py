"""The View-of-Delft converter, held against a world whose geometry is known; damaged sources."""

import json
from pathlib import Path

import numpy as np
import pytest
from nuscenes import NuScenes
from nuscenes.utils.data_classes import LidarPointCloud, RadarPointCloud
from nuscenes.utils.geometry_utils import view_points
from nuscenes.utils.splits import get_scenes_of_split

from perception_kd.datasets.convert.vod import CATEGORIES, CLIPS, LIDAR_HEIGHT, VERSION, convert_vod
from perception_kd.datasets.nuscenes.poses import inverse, move, yaw_of
from perception_kd.evaluation.frames import split_tokens
from tests.datasets.vod_world import (
    INTRINSIC,
    LIDAR2CAMERA,
    OBJECTS,
    RADAR2CAMERA,
    RESTING_RETURN,
    boxes_at,
    lidar2odom,
    make_vod,
)

KEPT = [one for one in OBJECTS if one[0] in CATEGORIES]


@pytest.fixture(scope='module')
def converted(tmp_path_factory) -> tuple[NuScenes, dict]:
    folder = tmp_path_factory.mktemp('vod')
    report = convert_vod(make_vod(folder), folder / 'out', workers=2)
    return NuScenes(VERSION, str(folder / 'out'), verbose=False), report


def frame_number(nusc: NuScenes, sample: dict) -> int:
    return int(Path(nusc.get('sample_data', sample['data']['LIDAR_TOP'])['filename']).name[:5])


def test_scenes_are_cut_where_split_or_numbers_break(converted):
    nusc, report = converted
    assert [scene['name'] for scene in nusc.scene] == ['delft_2-00544', 'delft_2-00547', 'delft_2-00548',
                                                       'delft_8-02798', 'delft_13-04387']
    assert report['splits'] == {'vod_train': 2, 'vod_val': 2, 'vod_test': 1}
    assert get_scenes_of_split('vod_train', nusc) == ['delft_2-00544', 'delft_2-00548']
    wanted = {'vod_train': [544, 545, 546, 548], 'vod_val': [547, 4387], 'vod_test': [2798, 2799]}
    for split, numbers in wanted.items():
        samples = [nusc.get('sample', token) for token in split_tokens(nusc.dataroot, VERSION, split)]
        assert sorted(frame_number(nusc, sample) for sample in samples) == numbers
    times = [sample['timestamp'] for sample in nusc.sample[:3]]
    assert np.diff(times).tolist() == [100_000, 100_000]


def test_clips_are_those_of_the_documentation():
    assert len(CLIPS) == 24 and list(CLIPS.values()) == sorted(CLIPS.values())


def test_boxes_come_out_at_their_place_in_the_world(converted):
    nusc, _ = converted
    for sample in nusc.sample:
        number = frame_number(nusc, sample)
        rows = {row['category_name'] + str(row['size']): row for row in
                (nusc.get('sample_annotation', token) for token in sample['anns'])}
        assert len(rows) == (0 if number in (2798, 2799) else len(KEPT))
        for kind, _, box2odom, (length, width, height) in boxes_at(number):
            if not rows or kind not in CATEGORIES:
                continue
            row = rows[CATEGORIES[kind] + str([width, length, height])]
            box = nusc.get_box(row['token'])
            np.testing.assert_allclose(box.center, box2odom[:3, 3], atol=1e-6)
            np.testing.assert_allclose(box.rotation_matrix, box2odom[:3, :3], atol=1e-6)
            assert (row['num_lidar_pts'], row['num_radar_pts']) == ((4 if kind == 'Cyclist' else 2), int(kind == 'Car'))


def test_points_lie_in_their_boxes_through_the_devkit(converted):
    nusc, _ = converted
    sample = nusc.sample[1]
    for channel, reader in (('LIDAR_TOP', LidarPointCloud), ('RADAR_FRONT', RadarPointCloud)):
        path, boxes, _ = nusc.get_sample_data(sample['data'][channel])
        points = reader.from_file(path).points
        car = next(box for box in boxes if box.name == 'vehicle.car')
        np.testing.assert_allclose(points[:3, 0], car.center, atol=1e-5)  # float32 on disk
    points = LidarPointCloud.from_file(nusc.get_sample_data_path(sample['data']['LIDAR_TOP'])).points
    assert points.shape[1] == 2 * len(OBJECTS) and points[3].max() == 255  # 0..1 became 0..255


def test_projection_equals_the_source_s(converted):
    nusc, _ = converted
    for sample in nusc.sample[:2]:
        _, boxes, intrinsic = nusc.get_sample_data(sample['data']['CAM_FRONT'])
        world2camera = LIDAR2CAMERA @ inverse(lidar2odom(frame_number(nusc, sample)))
        car = next(box for box in boxes if box.name == 'vehicle.car')
        corners = move(world2camera @ boxes_at(frame_number(nusc, sample))[0][2],
                       np.array([[x, y, z] for x in (2.1, -2.1) for y in (0.9, -0.9) for z in (0.75, -0.75)]))
        wanted = (INTRINSIC @ corners.T)[:2] / corners.T[2]
        found = view_points(car.corners(), intrinsic, normalize=True)[:2]
        assert all(np.abs(found.T - pixel).max(axis=1).min() < 1e-5 for pixel in wanted.T)


def test_radar_speeds_are_the_objects_along_the_line_of_sight(converted):
    nusc, _ = converted
    data = nusc.get('sample_data', nusc.sample[0]['data']['RADAR_FRONT'])
    points = RadarPointCloud.from_file(str(Path(nusc.dataroot) / data['filename'])).points
    radar2odom = lidar2odom(544) @ inverse(LIDAR2CAMERA) @ RADAR2CAMERA
    velocity = (radar2odom[:3, :3].T @ [*OBJECTS[0][3], 0])[:2]
    sight = points[:2, 0] / np.linalg.norm(points[:2, 0])
    np.testing.assert_allclose(points[8:10, 0], velocity @ sight * sight, atol=0.02)  # a slight elevation
    np.testing.assert_allclose(points[8:10, 1], 0, atol=1e-6)  # rests, although the car drives
    assert np.linalg.norm(points[6:8, 1]) > 7
    np.testing.assert_allclose(points[:3, 1], move(inverse(radar2odom), np.array([RESTING_RETURN]))[0], atol=1e-5)
    assert points[5].tolist() == [12, -5]


def test_tracks_give_velocities_and_instances_stay_in_their_scene(converted):
    nusc, _ = converted
    sample = nusc.sample[1]
    for token in sample['anns']:
        row = nusc.get('sample_annotation', token)
        wanted = next(one[3] for one in KEPT if [one[4][1], one[4][0], one[4][2]] == row['size'])
        np.testing.assert_allclose(nusc.box_velocity(token)[:2], wanted, atol=1e-6)
    alone = next(scene for scene in nusc.scene if scene['name'] == 'delft_2-00547')
    for token in nusc.get('sample', alone['first_sample_token'])['anns']:
        assert np.isnan(nusc.box_velocity(token)).all()
    assert len(nusc.instance) == 4 * len(KEPT)
    attributes = {nusc.get('attribute', token)['name'] for row in nusc.sample_annotation
                  for token in row['attribute_tokens']}
    assert attributes == {'cycle.with_rider', 'cycle.without_rider'}


def test_ego_frame_lies_on_the_road_and_looks_as_the_lidar(converted):
    nusc, report = converted
    data = nusc.get('sample_data', nusc.sample[0]['data']['LIDAR_TOP'])
    pose = nusc.get('ego_pose', data['ego_pose_token'])
    np.testing.assert_allclose(pose['translation'], [0, 0, 1.67 - LIDAR_HEIGHT], atol=1e-9)
    assert yaw_of(lidar2odom(544)) == pytest.approx(2 * np.arctan2(pose['rotation'][3], pose['rotation'][0]))
    assert report['counts']['left out: rider'] == 6 and report['counts']['frames without labels'] == 2
    assert report['counts']['LiDAR points left out: not finite'] == 8
    assert 'never seen the real' in report['notes']['tested'] and report['notes']['velocities'] == 'from track ids'


def test_without_tracks_and_with_benchmark_classes_only(tmp_path):
    report = convert_vod(make_vod(tmp_path, tracks=False), tmp_path / 'out', benchmark_only=True)
    assert report['notes']['velocities'].startswith('unknown')
    assert report['counts']['left out: bicycle'] == 6
    rows = json.loads((tmp_path / 'out' / VERSION / 'sample_annotation.json').read_text())
    assert len(rows) == 6 * 3 and all(row['prev'] == row['next'] == '' for row in rows)


def test_a_track_id_that_comes_twice(tmp_path):
    public = make_vod(tmp_path)
    path = tmp_path / 'label_2_with_track_ids' / 'label_2' / '00545.txt'
    path.write_text(path.read_text() + path.read_text().splitlines()[1].replace('Car', 'Car', 1) + '\n')
    counts = convert_vod(public, tmp_path / 'out')['counts']
    assert counts['boxes whose track id comes twice in a frame (velocity unknown)'] == 1
    assert counts['boxes: vehicle.car'] == 7


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def replace(old: str, new: str):
    return lambda path: path.write_text(path.read_text().replace(old, new, 1))


@pytest.mark.parametrize(('name', 'change', 'message'), [
    ('lidar/training/velodyne/00545.bin', Path.unlink, r'1 files of the frame lists are missing \(lidar/tr'),
    ('lidar/training/label_2/00545.txt', Path.unlink, r'missing \(lidar/training/label_2\)'),
    ('lidar/ImageSets/train.txt', replace('00544', 'first'), r"train\.txt: 'first' is no number of a frame"),
    ('lidar/training/velodyne/00545.bin', cut, 'no whole number of 4-value points'),
    ('lidar/training/velodyne/00545.bin', lambda path: path.write_bytes(b''), 'without a single point'),
    ('radar/training/velodyne/00545.bin', cut, 'no whole number of 7-value points'),
    ('lidar/training/image_2/00545.jpg', lambda path: path.write_bytes(path.read_bytes()[:300]), 'is no whole picture'),
    ('lidar/training/pose/00545.json', replace('odomToCamera', 'elsewhere'), 'no odomToCamera'),
    ('lidar/training/pose/00545.json', lambda path: path.write_text('{"odomToCamera": [1, 2]}'), r'no \(4, 4\) motion'),
    ('radar/training/calib/00545.txt', replace('Tr_velo_to_cam', 'Tr'), 'Tr_velo_to_cam is not there'),
    ('radar/training/calib/00545.txt', replace('Tr_velo_to_cam: ', 'Tr_velo_to_cam: 1'), 'is no rotation'),
    ('lidar/training/calib/00545.txt', replace('P2: 374.000000000000000000 0.000000000000000000', 'P2: 374 nan'),
     'P2 is not there'),
    ('lidar/training/label_2/00545.txt', replace('Car 0 1', 'Car 0'), 'line 2 is no label'),
    ('lidar/training/label_2/00545.txt', replace('Car 0 1', 'Car 0 nan'), 'line 2 is no label'),
])
def test_damaged_sources(tmp_path, name, change, message):
    public = make_vod(tmp_path, tracks=False)
    change(public / name)
    with pytest.raises((ValueError, FileNotFoundError), match=message) as caught:
        convert_vod(public, tmp_path / 'out')
    assert '\n' not in str(caught.value) and not (tmp_path / 'out').exists()


def test_another_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        convert_vod(tmp_path / 'nowhere', tmp_path / 'out')
    with pytest.raises(FileNotFoundError, match='is not View-of-Delft'):
        convert_vod(tmp_path, tmp_path / 'out')
    with pytest.raises(FileNotFoundError, match='track ids'):
        convert_vod(make_vod(tmp_path), tmp_path / 'out', tracks=tmp_path / 'none')
