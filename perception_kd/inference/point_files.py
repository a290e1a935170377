"""Point clouds of any names of fields, written as the formats that the pipeline reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from perception_kd.datasets.convert.ego_velocity import estimate_ego_velocity
from perception_kd.datasets.convert.rig_frame import along_sight
from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, write_lidar_bin, write_radar_pcd
from perception_kd.inference.calibration import LARGEST, Points
from perception_kd.inference.pcd import read_pcd

RADAR_NEEDS = ('x', 'y', 'z', 'rcs', 'velocity', 'vx', 'vy')
LIDAR_NEEDS = ('x', 'y', 'z', 'intensity')
_UNKNOWN_MOTION, _MOVING = 4, 0  # nuScenes' dyn_prop


def write_radar(path: Path, out: Path, radar: Points, motion: np.ndarray | None) -> Path:
    """Write a radar's file as nuScenes has them; returns its place, or the file's own where it is such a one.

    Args:
        path: PCD file; with ``fields``, x and y in m, rcs, and a velocity in m/s: ``velocity``, along the line of sight
            and positive away from the sensor, or ``vx`` and ``vy``. Without z points lie in the sensor's plane.
        out: File to write.
        radar: What the calibration says of it.
        motion: (3,) velocity of the sensor over ground in its own frame, m/s; None: not known, it is then estimated
            from the returns of resting things.

    Raises:
        FileNotFoundError, ValueError: the file is damaged, or lacks a field.
    """
    cloud = read_pcd(path)
    if not radar.fields:
        if set(RADAR_FIELDS) <= set(cloud):
            return path
        raise ValueError(f"{path}: has not nuScenes' fields but {', '.join(cloud)}: say in calib.yaml which are which, "
                         'fields: {x: ..., y: ..., z: ..., rcs: ..., velocity: ...}')
    points = _chosen(path, cloud, radar.fields, RADAR_NEEDS)
    missing = [name for name in ('x', 'y', 'rcs') if name not in points]
    if missing or ('velocity' in points) == ('vx' in points and 'vy' in points):
        raise ValueError(f'{path}: fields of a radar are x, y, rcs, and either velocity or vx and vy (z where there is '
                         f'one); calib.yaml names {", ".join(points)}')
    return write_radar_pcd(out, _radar_columns(points, radar.compensated, motion))


def _radar_columns(points: dict[str, np.ndarray], compensated: bool, motion: np.ndarray | None
                   ) -> dict[str, np.ndarray]:
    """Columns of nuScenes' radar files; a velocity over ground is what was measured plus the sensor's own."""
    points = {'z': np.zeros_like(points['x']), **points}
    good = (np.abs(list(points.values())) < LARGEST).all(axis=0)  # not so if not finite
    points = {name: values[good] for name, values in points.items()}
    place = np.column_stack([points[axis] for axis in 'xyz'])
    sight = place / np.maximum(np.linalg.norm(place, axis=1, keepdims=True), 1e-6)
    speed = points['velocity'] if 'velocity' in points else sight[:, 0] * points['vx'] + sight[:, 1] * points['vy']
    raw = along_sight(points['x'], points['y'], speed)
    own = np.zeros(3) if compensated else _own_motion(sight, speed, motion)
    over_ground = raw if own is None else along_sight(points['x'], points['y'], speed + sight @ own)
    return {**{name: points[name] for name in ('x', 'y', 'z', 'rcs')},
            **dict(zip(('vx', 'vy', 'vx_comp', 'vy_comp'), (*raw, *over_ground))),
            'dyn_prop': np.full(len(place), _UNKNOWN_MOTION if own is None else _MOVING)}


def _own_motion(sight: np.ndarray, speed: np.ndarray, motion: np.ndarray | None) -> np.ndarray | None:
    if motion is not None:
        return motion
    level = estimate_ego_velocity(sight, speed)
    return None if level is None else np.append(level, 0.0)


def write_lidar(path: Path, out: Path, lidar: Points) -> Path:
    """Write a LiDAR sweep as nuScenes has them; a ``.pcd.bin`` is such a file and stays where it is."""
    if path.name.lower().endswith('.pcd.bin'):
        return path
    names = lidar.fields or {name: name for name in LIDAR_NEEDS}
    points = _chosen(path, read_pcd(path), names, LIDAR_NEEDS)
    missing = [name for name in LIDAR_NEEDS if name not in points]
    if missing:
        raise ValueError(f'{path}: fields of a LiDAR are {", ".join(LIDAR_NEEDS)}; calib.yaml does not name '
                         f'{", ".join(missing)}')
    table = np.column_stack([*(points[name] for name in LIDAR_NEEDS), np.zeros(len(points['x']))])
    return write_lidar_bin(out, table[(np.abs(table) < LARGEST).all(axis=1)])


def _chosen(path: Path, cloud: Mapping[str, np.ndarray], fields: Mapping[str, str | float],
            known: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What is needed -> (N,) values, from the fields of a file and from numbers that all points have."""
    unknown = [name for name in fields if name not in known]
    if unknown:
        raise ValueError(f'{path}: calib.yaml: unknown {", ".join(unknown)} in fields; there are {", ".join(known)}')
    count = len(next(iter(cloud.values())))
    chosen = {}
    for name, source in fields.items():
        if not isinstance(source, str):
            chosen[name] = np.full(count, float(source))
            continue
        field = source.removeprefix('-')
        if field not in cloud:
            raise ValueError(f'{path}: has no field {field!r}, which calib.yaml names as {name}; it has '
                             f'{", ".join(cloud)}')
        chosen[name] = -cloud[field] if source.startswith('-') else cloud[field]
    return chosen
