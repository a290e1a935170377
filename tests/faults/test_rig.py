"""Sensors that are lost, late or mounted otherwise: what becomes of a frame's infos."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.poses import inverse, pose_matrix
from perception_kd.faults import LEVELS, FrameFaults, build_fault
from perception_kd.faults.base import RIG

PERIOD = 0.077


def frame(number: int = 4, scene: str = 'one', sweeps: int = 6, past: int = 0) -> dict:
    """A key frame half a second after the one before; a sensor's file tells when it was measured."""
    time = 0.5 * number

    def radar(channel, age):
        return dict(radar_path=f'radar/{channel}/{time - age:.3f}', timestamp=time - age,
                    radar2lidar=pose_matrix((age, 0, 0), (1, 0, 0, 0)))

    return dict(
        token=f'{scene}-{number}', scene_token=scene, timestamp=time,
        images={channel: dict(img_path=f'{channel}/{time:.3f}', timestamp=time, height=2, width=4,
                              cam2ego=pose_matrix((1, 2, 3), (0.5, -0.5, 0.5, -0.5)), cam2img=np.eye(3),
                              lidar2cam=pose_matrix((1, 0, 0), (0.6, 0.8, 0, 0))) for channel in RIG['camera']},
        radar_points={channel: dict(
            **radar(channel, 0.0), radar2ego=pose_matrix((3, 0, 0.5), (0.6, 0, 0, 0.8)),
            sweeps=[radar(channel, PERIOD * (back + 1)) for back in range(sweeps)]) for channel in RIG['radar']},
        lidar_points=dict(lidar_path=f'lidar/{time:.3f}', lidar2ego=np.eye(4)),
        lidar_sweeps=[dict(timestamp=time - 0.05 * back,
                           lidar_points=dict(lidar_path=f'lidar/{time - 0.05 * back:.3f}', lidar2ego=np.eye(4),
                                             lidar2sensor=pose_matrix((back, 0, 0), (1, 0, 0, 0))))
                      for back in range(1, 10)],
        earlier=[frame(number - back, scene, sweeps) for back in range(1, 1 + past)])


def edited(info: dict, *faults: dict, seed: int = 0) -> dict:
    return FrameFaults([build_fault(fault) for fault in faults], ('seed', seed), info['scene_token']).edit(info)


def lost(info: dict) -> set[str]:
    return {channel for channel, camera in info['images'].items() if camera.get('lost')}


def when(path: str) -> float:
    return float(path.rsplit('/', 1)[1])


def test_a_crash_lasts_for_a_scene_and_differs_between_scenes():
    for level, count in zip(LEVELS, (2, 4, 5)):
        gone = [lost(edited(frame(number), dict(type='CameraCrash', severity=level))) for number in range(4)]
        assert len(gone[0]) == count and all(one == gone[0] for one in gone)
    scenes = [frozenset(lost(edited(frame(scene=str(scene)), dict(type='CameraCrash', cameras=2))))
              for scene in range(30)]
    assert len(set(scenes)) > 5


def test_a_harder_crash_takes_those_of_the_milder_one_too():
    gone = [lost(edited(frame(), dict(type='CameraCrash', cameras=count))) for count in range(8)]
    assert [len(one) for one in gone] == [0, 1, 2, 3, 4, 5, 6, 6]
    assert all(one <= other for one, other in pairwise(gone))


def test_a_model_with_fewer_cameras_loses_those_that_others_lose():
    full = lost(edited(frame(), dict(type='CameraCrash', cameras=3)))
    few = frame()
    few['images'] = {channel: few['images'][channel] for channel in ('CAM_BACK', 'CAM_FRONT')}
    assert lost(edited(few, dict(type='CameraCrash', cameras=3))) == full & {'CAM_BACK', 'CAM_FRONT'}
    other = frame()
    other['images'] = {'left': other['images']['CAM_BACK'], 'right': other['images']['CAM_FRONT']}
    assert len(lost(edited(other, dict(type='CameraCrash', cameras=1)))) == 1


def test_frames_are_lost_one_by_one():
    shares = [np.mean([len(lost(edited(frame(number), dict(type='FrameLost', severity=level)))) / 6
                       for number in range(60)]) for level in LEVELS]
    assert shares == pytest.approx([2 / 6, 4 / 6, 5 / 6], abs=0.07)
    assert len({frozenset(lost(edited(frame(number), dict(type='FrameLost', prob=0.5)))) for number in range(9)}) > 5


@pytest.mark.parametrize('count', range(6))
def test_lost_radars(count):
    info = frame()
    assert len(edited(info, dict(type='RadarsLost', radars=count))['radar_points']) == 5 - count
    assert len(info['radar_points']) == 5  # the caller's infos stay


def test_lost_lidar_and_sweeps():
    found = edited(frame(), dict(type='LidarLost'))
    assert found['lidar_points']['lost'] and found['lidar_sweeps'] == []
    assert edited(frame(), dict(type='LidarSweepsLost', share=1.0))['lidar_sweeps'] == []
    left = [len(edited(frame(number), dict(type='LidarSweepsLost', share=0.5))['lidar_sweeps']) for number in range(20)]
    assert np.mean(left) == pytest.approx(4.5, abs=1.2)


@pytest.mark.parametrize('delay', [0.1, 0.2, 0.3, 0.5, 1.0])
def test_late_radars_give_old_files_with_the_stamps_and_poses_of_now(delay):
    fault = build_fault(dict(type='RadarStale', delay=delay))
    info = frame(past=fault.earlier_frames)
    for channel, radar in edited(info, fault)['radar_points'].items():
        believed = [info['radar_points'][channel], *info['radar_points'][channel]['sweeps']]
        found = [radar, *radar['sweeps']]
        assert len(found) == len(believed)
        for old, new in zip(believed, found):
            assert new['timestamp'] == old['timestamp'] and new['radar2lidar'] is old['radar2lidar']
            assert old['timestamp'] - when(new['radar_path']) == pytest.approx(delay, abs=0.04)


def test_sweeps_that_nothing_is_old_enough_for_are_missing():
    found = edited(frame(), dict(type='RadarStale', delay=0.3))['radar_points']['RADAR_FRONT']
    assert [2 - when(one['radar_path']) for one in (found, *found['sweeps'])] == pytest.approx(
        [PERIOD * back for back in (4, 5, 6)], abs=1e-3)
    alone = edited(frame(sweeps=0), dict(type='RadarStale', delay=0.3))['radar_points']['RADAR_FRONT']
    assert when(alone['radar_path']) == 2.0 and alone['sweeps'] == []


def test_only_some_radars_are_late():
    found = edited(frame(), dict(type='RadarStale', delay=0.2, sensors=2))['radar_points']
    assert sum(when(radar['radar_path']) < 2 for radar in found.values()) == 2


def test_a_late_lidar():
    fault = build_fault(dict(type='LidarStale', delay=0.3))
    info = frame(past=1)
    found = edited(info, fault)
    assert when(found['lidar_points']['lidar_path']) == pytest.approx(1.7)
    assert [when(sweep['lidar_points']['lidar_path']) for sweep in found['lidar_sweeps']] == pytest.approx(
        [1.7 - 0.05 * back for back in range(1, 10)], abs=0.051)
    assert [sweep['timestamp'] for sweep in found['lidar_sweeps']] == [one['timestamp'] for one in info['lidar_sweeps']]


def test_late_cameras_need_earlier_frames():
    fault = build_fault(dict(type='CameraStale', delay=1.0))
    assert fault.earlier_frames == 2
    found = edited(frame(past=2), fault)['images']
    assert {when(camera['img_path']) for camera in found.values()} == {1.0}
    assert {camera['timestamp'] for camera in found.values()} == {2.0}
    assert {when(camera['img_path']) for camera in edited(frame(past=0), fault)['images'].values()} == {2.0}
    info = frame()
    del info['earlier']
    with pytest.raises(ValueError, match='earlier_frames=2'):
        edited(info, fault)


def turn_of(motion: np.ndarray) -> float:
    return np.degrees(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1)))


def test_wrong_extrinsics_have_the_size_that_is_asked_for_and_last():
    for level, angle, offset in zip(LEVELS, (0.5, 1.0, 2.0), (0.05, 0.1, 0.2)):
        info, first = frame(), []
        for sensor, key, to_ego in (('images', 'CameraExtrinsic', 'cam2ego'), ('radar_points', 'RadarExtrinsic',
                                                                              'radar2ego')):
            found = edited(info, dict(type=key, severity=level))[sensor]
            for channel, one in found.items():
                wrong = inverse(info[sensor][channel][to_ego]) @ one[to_ego]
                assert turn_of(wrong) == pytest.approx(angle, abs=1e-5)
                assert np.linalg.norm(wrong[:3, 3]) == pytest.approx(offset)
                first.append(wrong)
                again = edited(frame(5), dict(type=key, severity=level))[sensor][channel]
                assert np.allclose(again[to_ego], one[to_ego])
        assert len({wrong.tobytes() for wrong in first}) == 11


def test_camera_and_radar_matrices_tell_of_the_same_error():
    info = frame()
    camera = edited(info, dict(type='CameraExtrinsic', severity='hard'))['images']['CAM_BACK']
    old = info['images']['CAM_BACK']
    lidar2ego = [one['cam2ego'] @ one['lidar2cam'] for one in (old, camera)]
    assert np.allclose(*lidar2ego)  # the LiDAR is where it was
    radar = edited(info, dict(type='RadarExtrinsic', severity='hard'))['radar_points']['RADAR_FRONT']
    before = info['radar_points']['RADAR_FRONT']
    wrong = inverse(before['radar2ego']) @ radar['radar2ego']
    for old, new in zip((before, *before['sweeps']), (radar, *radar['sweeps'])):
        assert np.allclose(new['radar2lidar'], old['radar2lidar'] @ wrong)


@pytest.mark.parametrize('axis, place', [('roll', 0), ('pitch', 1), ('yaw', 2)])
def test_an_error_about_one_axis_of_the_car(axis, place):
    info = frame()
    found = edited(info, dict(type='RadarExtrinsic', angle_deg=2.0, axis=axis))['radar_points']['RADAR_FRONT']
    turn = (found['radar2ego'] @ inverse(info['radar_points']['RADAR_FRONT']['radar2ego']))[:3, :3]
    assert np.allclose(turn[place], np.eye(3)[place]) and turn_of(turn) == pytest.approx(2.0)


def test_faults_do_not_mix_and_the_seed_counts():
    crash, loss = dict(type='CameraCrash', cameras=2), dict(type='RadarsLost', radars=2)
    both = edited(frame(), crash, loss)
    assert lost(both) == lost(edited(frame(), crash))
    assert set(both['radar_points']) == set(edited(frame(), loss)['radar_points'])
    assert len({frozenset(lost(edited(frame(), crash, seed=seed))) for seed in range(20)}) > 5
    twice = edited(frame(), dict(type='RadarsLost', radars=1), dict(type='RadarsLost', radars=1))
    assert len(twice['radar_points']) in (3, 4)
