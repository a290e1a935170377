"""A tiny world in the nuScenes format, made in a moment, in which every sensor's points are exact.

Boxes rest (but one, which drives), the ego car drives and turns, and the sensors fire at different times:
whoever forgets the ego motion puts points outside of their boxes.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.datasets.nuscenes.poses import inverse, move, pose_matrix
from perception_kd.datasets.nuscenes.writer import NuScenesWriter

VERSION = 'v1.0-tiny'
SPLITS = {'tiny_train': ['tiny-0', 'tiny-1'], 'tiny_val': ['tiny-2']}
KEY_FRAMES, SECONDS_BETWEEN = 3, 0.5
WIDTH, HEIGHT = 176, 64
INTRINSIC = [[110.0, 0, 87.5], [0, 108.0, 30.0], [0, 0, 1]]
LIDAR_POINTS_PER_BOX, RADAR_POINTS_PER_BOX = 30, 2
DRIVING, SPEED = 'vehicle.truck', (4.0, 1.0)

# Category, centre, size (w, l, h), yaw; all in the global frame, standing on the ground.
BOXES = (
    ('vehicle.car', (22.0, 4.0, 0.9), (1.9, 4.5, 1.8), 0.4),
    (DRIVING, (30.0, -6.0, 1.5), (2.5, 8.0, 3.0), 0.2449787),
    ('human.pedestrian.adult', (14.0, 7.0, 0.9), (0.8, 0.9, 1.8), -1.0),
    ('movable_object.barrier', (17.0, -8.0, 0.6), (2.2, 0.6, 1.2), 2.5),
    ('static_object.bicycle_rack', (8.0, -9.0, 0.7), (2.0, 3.0, 1.4), 0.0),
)
EMPTY_BOX = ('vehicle.bus.rigid', (-12.0, 9.0, 1.6), (2.8, 10.0, 3.2), 0.1)

# Channel -> translation (m), rotation (w, x, y, z), seconds after the LiDAR.
SENSORS: dict[str, tuple[tuple, tuple, float]] = {
    'LIDAR_TOP': ((0.9, 0.0, 1.8), (0.7071068, 0, 0, -0.7071068), 0.0),
    'CAM_FRONT': ((1.5, 0.1, 1.5), (0.5, -0.5, 0.5, -0.5), -0.04),
    'CAM_BACK': ((0.1, 0.0, 1.5), (0.5, -0.5, -0.5, 0.5), -0.02),
    'RADAR_FRONT': ((3.4, 0.0, 0.5), (0.9996875, 0, 0, 0.0249974), 0.013),
    'RADAR_BACK_LEFT': ((-0.5, 0.6, 0.5), (0.5403023, 0, 0, 0.8414710), -0.021),
}
SWEEPS_BETWEEN = 2


def ego_pose(scene: int, seconds: float) -> tuple[tuple[float, float, float], tuple[float, ...]]:
    """Translation and rotation (w, x, y, z) of the ego car in the global frame."""
    yaw = 0.1 * scene + 0.3 * seconds
    return (5.0 * seconds, scene + 1.5 * seconds, 0.0), (np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2))


def sensor2global(scene: int, channel: str, seconds: float) -> np.ndarray:
    """Pose (4, 4) of a sensor at a time."""
    translation, rotation, _ = SENSORS[channel]
    return pose_matrix(*ego_pose(scene, seconds)) @ pose_matrix(translation, rotation)


def boxes_at(seconds: float) -> list[tuple]:
    """``BOXES`` at a time; the driving one has moved."""
    moved = (*np.multiply(SPEED, seconds), 0)
    return [(name, tuple(np.add(centre, moved)) if name == DRIVING else centre, size, yaw)
            for name, centre, size, yaw in BOXES]


def points_in(box: tuple, count: int, rng: np.random.Generator, height: float | None = None) -> np.ndarray:
    """Random points (count, 3) well inside of a box, global frame, at a given global height if any."""
    _, centre, (width, length, tall), yaw = box
    local = rng.uniform(-0.45, 0.45, (count, 3)) * (length, width, tall)
    points = move(pose_matrix(centre, (np.cos(yaw / 2), 0, 0, np.sin(yaw / 2))), local)
    if height is not None:
        points[:, 2] = height
    return points


def gradient_picture() -> np.ndarray:
    """(HEIGHT, WIDTH, 3) BGR whose red channel says the column and whose green channel says the row."""
    picture = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    picture[..., 2] = np.arange(WIDTH)[None]
    picture[..., 1] = np.arange(HEIGHT)[:, None] * 3
    return picture


def make_tiny_world(root: Path) -> Path:
    """Write all scenes below ``root``; returns it."""
    writer = NuScenesWriter(root, VERSION)
    for channel in SENSORS:
        writer.add_sensor(channel=channel, modality={'C': 'camera', 'L': 'lidar', 'R': 'radar'}[channel[0]])
    for split, names in SPLITS.items():
        for name in names:
            _add_scene(writer, name, split)
    writer.finish()
    return root


def _add_scene(writer: NuScenesWriter, name: str, split: str) -> None:
    scene, number = writer.add_scene(name=name, description='tiny', split=split), int(name[-1])
    calibrations = {
        channel: writer.add_calibrated_sensor(
            channel=channel, translation=translation, rotation=rotation,
            camera_intrinsic=INTRINSIC if channel.startswith('CAM') else ())
        for channel, (translation, rotation, _) in SENSORS.items()}
    for frame in range(KEY_FRAMES):
        seconds = frame * SECONDS_BETWEEN
        sample = writer.add_sample(scene=scene, timestamp_us=_micro(number, seconds))
        _add_annotations(writer, sample, name, seconds)
        for channel in SENSORS:
            sweeps = 0 if channel.startswith('CAM') or frame == 0 else SWEEPS_BETWEEN
            for back in range(sweeps, -1, -1):
                at = seconds + SENSORS[channel][2] - back * SECONDS_BETWEEN / (SWEEPS_BETWEEN + 1)
                _add_measurement(writer, sample, calibrations[channel], number, channel, at, back == 0)


def _add_annotations(writer: NuScenesWriter, sample: str, scene: str, seconds: float) -> None:
    for category, centre, size, yaw in [*boxes_at(seconds), EMPTY_BOX]:
        seen = category != EMPTY_BOX[0]
        writer.add_annotation(
            sample=sample, instance=writer.add_instance(category_name=category, key=f'{scene}/{category}'),
            translation=centre, size=size, rotation=(np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)),
            num_lidar_pts=LIDAR_POINTS_PER_BOX * seen, num_radar_pts=2 * RADAR_POINTS_PER_BOX * seen)


def _add_measurement(writer: NuScenesWriter, sample: str, calibration: str, scene: int, channel: str,
                     seconds: float, is_key_frame: bool) -> None:
    stamp = _micro(scene, seconds)
    translation, rotation = ego_pose(scene, seconds)
    pose = writer.add_ego_pose(timestamp_us=stamp, translation=translation, rotation=rotation)
    ending = {'C': 'jpg', 'L': 'pcd.bin', 'R': 'pcd'}[channel[0]]
    folder = 'samples' if is_key_frame else 'sweeps'
    filename = f'{folder}/{channel}/tiny-{scene}__{channel}__{stamp}.{ending}'
    _write_file(writer.root / filename, scene, channel, seconds, np.random.default_rng(stamp))
    camera = {'width': WIDTH, 'height': HEIGHT} if channel.startswith('CAM') else {}
    writer.add_sample_data(sample=sample, channel=channel, calibrated_sensor=calibration, ego_pose=pose,
                           timestamp_us=stamp, filename=filename, is_key_frame=is_key_frame, **camera)


def _write_file(path: Path, scene: int, channel: str, seconds: float, rng: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    global2sensor = inverse(sensor2global(scene, channel, seconds))
    if channel.startswith('CAM'):
        cv2.imwrite(str(path), gradient_picture(), [cv2.IMWRITE_JPEG_QUALITY, 98])
    elif channel.startswith('LIDAR'):
        hits = [points_in(box, LIDAR_POINTS_PER_BOX, rng) for box in boxes_at(seconds)]
        ground = np.c_[rng.uniform(-40, 40, (200, 2)), np.zeros(200)]
        points = move(global2sensor, np.concatenate([*hits, ground]))
        # The ring says which box a point belongs to (ground: 31), the intensity too.
        owner = np.repeat([*range(len(BOXES)), 31], [LIDAR_POINTS_PER_BOX] * len(BOXES) + [200])
        write_lidar_bin(path, np.c_[points, 10.0 * owner[:, None] % 255, owner[:, None]])
    else:
        _write_radar(path, global2sensor, SENSORS[channel][0][2], seconds, rng)


def _write_radar(path: Path, global2sensor: np.ndarray, height: float, seconds: float,
                 rng: np.random.Generator) -> None:
    hits = [points_in(box, RADAR_POINTS_PER_BOX, rng, height) for box in boxes_at(seconds)]
    points = move(global2sensor, np.concatenate(hits))
    owner = np.repeat(np.arange(len(BOXES)), RADAR_POINTS_PER_BOX)
    drives = np.array([name == DRIVING for name, *_ in BOXES])[owner]
    velocity = np.where(drives[:, None], global2sensor[:2, :2] @ SPEED, 0.0)
    write_radar_pcd(path, {
        'x': points[:, 0], 'y': points[:, 1], 'z': points[:, 2], 'rcs': owner.astype(float),
        'vx_comp': velocity[:, 0], 'vy_comp': velocity[:, 1], 'vx': velocity[:, 0], 'vy': velocity[:, 1]})


def _micro(scene: int, seconds: float) -> int:
    return 1_600_000_000_000_000 + scene * 100_000_000 + round(seconds * 1e6)
