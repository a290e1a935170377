"""A small nuScenes-format root with all that slices ask for: night, rain, moving objects, visibility, two cameras."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.writer import NuScenesWriter

VERSION, SPLIT = 'v1.0-sliced', 'sliced'
SCENES = ('Day, dry road', 'Night, parked cars', 'Rain, train station', 'Night, after rain')
CATEGORIES = ('vehicle.car', 'human.pedestrian.adult', 'movable_object.barrier', 'vehicle.bicycle')
CAMERAS = {'CAM_FRONT': (0.5, -0.5, 0.5, -0.5), 'CAM_BACK': (0.5, -0.5, -0.5, 0.5)}
FRAMES, OBJECTS = 3, 14


def make_sliced_world(root: Path) -> Path:
    """Four scenes of three key frames, in which the ego car stands and looks into another direction each time."""
    writer = NuScenesWriter(root, VERSION)
    for number, description in enumerate(SCENES):
        writer.add(_scene(number, description, np.random.default_rng(number)))
    writer.finish(check_files=False)
    return root


def _scene(number: int, description: str, rng: np.random.Generator) -> SceneRows:
    rows = SceneRows()
    for channel in ('LIDAR_TOP', *CAMERAS):
        rows.add_sensor(channel=channel, modality='camera' if channel in CAMERAS else 'lidar')
    scene = rows.add_scene(name=f'sliced-{number}', description=description, split=SPLIT)
    start = rng.uniform(-35, 35, (OBJECTS, 2))
    velocity = rng.normal(0, 4, (OBJECTS, 2)) * (rng.random((OBJECTS, 1)) < 0.6)
    for frame in range(FRAMES):
        stamp = 1_600_000_000_000_000 + 100_000_000 * number + 500_000 * frame
        sample = rows.add_sample(scene=scene, timestamp_us=stamp)
        yaw = number + 0.2 * frame
        pose = rows.add_ego_pose(timestamp_us=stamp, translation=(5.0, 3.0, 0.0),
                                 rotation=(np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)))
        for channel in ('LIDAR_TOP', *CAMERAS):
            _measure(rows, sample, channel, pose, stamp)
        for place in range(OBJECTS):
            if place < 3 and frame != place:
                continue  # annotated once, so without a velocity
            rows.add_annotation(
                sample=sample, instance=rows.add_instance(category_name=CATEGORIES[place % 4], key=f'{number}/{place}'),
                translation=(*(start[place] + 0.5 * frame * velocity[place]), 1.0), size=(2.0, 4.0, 1.5),
                rotation=(1.0, 0.0, 0.0, 0.0), num_lidar_pts=int(rng.integers(0, 130)), num_radar_pts=1,
                visibility_level=1 + place % 4)
    return rows


def _measure(rows: SceneRows, sample: str, channel: str, pose: str, stamp: int) -> None:
    camera = channel in CAMERAS
    calibration = rows.add_calibrated_sensor(
        channel=channel, translation=(0.5, 0.0, 1.5), rotation=CAMERAS.get(channel, (1, 0, 0, 0)),
        camera_intrinsic=[[100.0, 0, 100.0], [0, 100.0, 40.0], [0, 0, 1]] if camera else ())
    rows.add_sample_data(sample=sample, channel=channel, calibrated_sensor=calibration, ego_pose=pose,
                         timestamp_us=stamp, filename=f'samples/{channel}/{stamp}.bin', is_key_frame=True,
                         **(dict(width=200, height=80) if camera else {}))
