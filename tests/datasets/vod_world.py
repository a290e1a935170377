"""A miniature in the form of View-of-Delft, written from a world whose geometry is known.

The camera is tilted as the real one, so that upright for the LiDAR and upright for the camera are not the same.
"""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.nuscenes.poses import Matrix, inverse, move

WIDTH, HEIGHT = 484, 304
INTRINSIC = np.array([[374.0, 0.0, 240.3], [0.0, 374.0, 156.2], [0.0, 0.0, 1.0]])
TRAIN, VAL, TEST = [544, 545, 546, 548], [547, 4387], [2798, 2799]
SECONDS = 0.1


def motion(rotation: Rotation, translation: tuple) -> Matrix:
    result = np.eye(4)
    result[:3, :3], result[:3, 3] = rotation.as_matrix(), translation
    return result


# x right, y down, z forward <- x forward, y left, z up; then 7 degrees down, as the real camera looks.
_LOOK = Rotation.from_matrix([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
LIDAR2CAMERA = motion(Rotation.from_euler('x', 7, degrees=True) * _LOOK * Rotation.from_euler('z', 0.6, degrees=True),
                      (0.15, -0.46, -0.92))
RADAR2CAMERA = motion(Rotation.from_euler('x', 6.3, degrees=True) * _LOOK, (0.05, 0.98, 1.44))

# Class, track, bottom centre at the first frame and velocity (m/s) in the world, (l, w, h), heading.
OBJECTS = (
    ('Car', 7, (30.0, 4.0, 0.1), (5.0, 1.0), (4.2, 1.8, 1.5), 0.2),
    ('Pedestrian', 8, (18.0, -3.0, 0.1), (0.0, 1.5), (0.6, 0.7, 1.8), 1.6),
    ('Cyclist', 9, (22.0, 0.5, 0.1), (0.0, 0.0), (1.9, 0.7, 1.7), -2.0),
    ('rider', 10, (22.0, 0.5, 0.6), (0.0, 0.0), (0.6, 0.6, 1.2), -2.0),
    ('bicycle', 11, (16.0, -5.0, 0.1), (0.0, 0.0), (1.8, 0.6, 1.1), 0.7),
)
RESTING_RETURN = (35.0, -8.0, 1.0)


def lidar2odom(number: int) -> Matrix:
    """Pose of the LiDAR: it drives 8 m/s and turns, level, 1.67 m over the road."""
    seconds = (number - 544) * SECONDS
    return motion(Rotation.from_euler('z', 0.3 + 0.1 * seconds), (8.0 * seconds, 2.0 * seconds, 1.67))


def boxes_at(number: int) -> list[tuple[str, int, Matrix, tuple]]:
    """Class, track, pose of the box's centre in odom and its (l, w, h)."""
    seconds, found = (number - 544) * SECONDS, []
    for kind, track, bottom, velocity, extent, yaw in OBJECTS:
        centre = np.add(bottom, (*np.multiply(velocity, seconds), extent[2] / 2))
        found.append((kind, track, motion(Rotation.from_euler('z', yaw), centre), extent))
    return found


def make_vod(root: Path, tracks: bool = True) -> Path:
    """Write the data set below ``root / 'view_of_delft_PUBLIC'``; returns that folder."""
    public = root / 'view_of_delft_PUBLIC'
    for split, numbers in (('train', TRAIN), ('val', VAL), ('test', TEST)):
        for sensor in ('lidar', 'radar'):
            _write_text(public / sensor / 'ImageSets' / f'{split}.txt', [f'{number:05d}' for number in numbers])
        for number in numbers:
            _write_frame(public, number, labelled=split != 'test')
            if tracks and split != 'test':
                _write_text(root / 'label_2_with_track_ids' / 'label_2' / f'{number:05d}.txt', labels_of(number, True))
    return public


def labels_of(number: int, tracked: bool) -> list[str]:
    """KITTI lines; the rotation is about the LiDAR's negative vertical axis."""
    odom2lidar, lines = inverse(lidar2odom(number)), ['DontCare -1 -1 -10 0 0 1 1 -1 -1 -1 -1000 -1000 -1000 -10']
    for kind, track, box2odom, (length, width, height) in boxes_at(number):
        box2lidar = odom2lidar @ box2odom
        bottom = move(LIDAR2CAMERA, (box2lidar[:3, 3] - [0, 0, height / 2])[None])[0]
        rotation = -np.arctan2(box2lidar[1, 0], box2lidar[0, 0]) - np.pi / 2
        numbers = [-1.5, 0, 0, 1, 1, height, width, length, *bottom, rotation, 1]
        lines.append(' '.join([kind, str(track if tracked else 0), '1', *(f'{value:.15g}' for value in numbers)]))
    return lines


def _write_frame(public: Path, number: int, labelled: bool) -> None:
    name, camera2odom = f'{number:05d}', lidar2odom(number) @ inverse(LIDAR2CAMERA)
    lidar, radar = public / 'lidar' / 'training', public / 'radar' / 'training'
    _write_bin(lidar / 'velodyne' / f'{name}.bin', lidar_points(number))
    _write_bin(radar / 'velodyne' / f'{name}.bin', radar_points(number))
    _write_text(lidar / 'calib' / f'{name}.txt', _calibration(LIDAR2CAMERA))
    _write_text(radar / 'calib' / f'{name}.txt', _calibration(RADAR2CAMERA))
    poses = {'odomToCamera': camera2odom, 'mapToCamera': np.eye(4), 'UTMToCamera': np.eye(4)}
    _write_text(lidar / 'pose' / f'{name}.json',
                [json.dumps({key: pose.reshape(-1).tolist()}) for key, pose in poses.items()])
    (lidar / 'image_2').mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(lidar / 'image_2' / f'{name}.jpg'), np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    if labelled:
        _write_text(lidar / 'label_2' / f'{name}.txt', labels_of(number, tracked=False))


def lidar_points(number: int) -> np.ndarray:
    """(P, 4): two points in every box, the centre first, and one that is no number."""
    points = [move(box2odom, np.array([[0.0, 0, 0], [length / 3, 0, 0]]))
              for _, _, box2odom, (length, *_) in boxes_at(number)]
    points = move(inverse(lidar2odom(number)), np.concatenate(points))
    return np.concatenate([np.c_[points, np.linspace(0, 1, len(points))], [[np.nan, 0, 0, 0]]])


def radar_points(number: int) -> np.ndarray:
    """(N, 7): a point at the car's centre with the car's radial speed, and one that rests."""
    radar2odom = lidar2odom(number) @ inverse(LIDAR2CAMERA) @ RADAR2CAMERA
    car, car_velocity = boxes_at(number)[0][2][:3, 3], OBJECTS[0][3]
    points = move(inverse(radar2odom), np.array([car, RESTING_RETURN]))
    sight = (points / np.linalg.norm(points, axis=1, keepdims=True)) @ radar2odom[:3, :3].T
    absolute = sight @ np.array([[*car_velocity, 0], [0, 0, 0]]).T
    speed = np.diag(absolute)
    return np.c_[points, [12.0, -5.0], speed - sight @ [8.0, 2.0, 0.0], speed, [0, 0]]


def _calibration(velo2camera: Matrix) -> list[str]:
    def line(name: str, values: np.ndarray) -> str:
        return f'{name}: ' + ' '.join(f'{value:.18f}' for value in values.reshape(-1))

    projection = np.c_[INTRINSIC, np.zeros(3)]
    return [*(line(f'P{number}', projection) for number in range(4)), line('R0_rect', np.eye(3)),
            line('Tr_velo_to_cam', velo2camera[:3]), 'Tr_imu_to_velo:']


def _write_bin(path: Path, points: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(points.astype('<f4').tobytes())


def _write_text(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('\n'.join(lines) + '\n')
