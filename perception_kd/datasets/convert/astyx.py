"""Astyx HiRes 2019 (front camera, 16-beam LiDAR, 4D radar) as a nuScenes-format root.

What the source lacks is not made up, except for what the format cannot do without:

* There are no tracks, no ego motion and no time stamps. Every frame is a scene of its own, so that no reader
  takes a neighbour for a sweep or a track; poses are the identity; times are the frame number times 0.5 s.
  Velocities and attributes are therefore unknown (NaN in the devkit).
* The ego frame lies on the ground under the LiDAR. The radar, the source's reference, is mounted with a pitch
  of about 3 degrees; the LiDAR calibration takes most of it out, and ``GROUND_PLANE`` the rest.
* Radar: elevation is kept in z, magnitude (45 to 97 dB) stands in ``rcs``. The compensated velocity is the
  raw one, and Doppler wraps around at about 5 m/s.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track
from scipy.spatial.transform import Rotation

from perception_kd.datasets.convert.astyx_source import AstyxFrame, read_frame, read_labels
from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.datasets.nuscenes.poses import inverse, move
from perception_kd.datasets.nuscenes.rows import SceneRows
from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.files import write_bytes, write_json
from perception_kd.processes import run_unordered

VERSION = 'v1.0-astyx'
REPORT_FILE = 'conversion.json'
GROUND_PLANE = (0.0140, -0.0112, -1.7091)
"""The road in the LiDAR frame, z = a x + b y + c: least squares over the bottom centres of all training
boxes. Planes fitted to the LiDAR's ground returns of every sixth training frame have the median
(0.0162, -0.0116, -1.734)."""

CATEGORIES = {
    'Car': 'vehicle.car', 'Truck': 'vehicle.truck', 'Bus': 'vehicle.bus.rigid', 'Trailer': 'vehicle.trailer',
    'Person': 'human.pedestrian.adult', 'Cyclist': 'vehicle.bicycle', 'Motorcyclist': 'vehicle.motorcycle',
}  # fmt: skip
"""Labels without an entry ("Towed Object", "Other Vehicle": four boxes) fit no detection class; left out."""

BOX_MARGIN = 0.1
"""Points up to this far outside a box (m) count as inside: LiDAR is in whole centimetres, radar is coarse."""

_LAST_TRAIN, _LAST_VAL = 345, 445
# The first frames of the validation part follow the last of the training part on the same road.
_GAP = range(346, 351)
_VISIBILITY = {0: 4, 1: 2, 2: 1}
_FIRST_TIMESTAMP, _FRAME_TIME = 1_546_300_800_000_000, 500_000
_NOTES = {
    'source': 'Astyx HiRes 2019, Copyright (c) 2019 Astyx GmbH, CC BY-NC-SA 4.0; cite Meyer and Kuschk, '
              '"Automotive Radar Dataset for Deep Learning Based 3D Object Detection", EuRAD 2019',
    'radar_velocity': 'vx_comp, vy_comp equal the raw vx, vy: no ego motion is known; Doppler wraps at about '
                      '5 m/s',
    'radar_rcs': 'magnitude in dB, not calibrated to dBsm',
    'poses': 'identity; the ego frame is on the ground under the LiDAR',
    'timestamps': 'made up: frame number times 0.5 s',
    'points_in_boxes': f'counted with a margin of {BOX_MARGIN} m',
}


def convert_astyx(root: str | Path, out: str | Path, *, force: bool = False,
                  workers: int = 1) -> dict[str, Any]:
    """Convert the whole data set.

    Args:
        root: The compact data set.
        out: New data root; gets ``v1.0-astyx``, ``samples`` and ``maps``.
        force: Replace an earlier conversion.
        workers: Processes.

    Returns:
        Counts of frames, boxes, labels left out and boxes without any point; also in ``conversion.json``.

    Raises:
        FileExistsError: a conversion is there and ``force`` is not given.
        FileNotFoundError, ValueError: something in ``root`` is missing or damaged.
    """
    labels, out = read_labels(root), Path(out)
    writer = NuScenesWriter(out, VERSION, force)
    is_new = not out.exists() or not any(out.iterdir())
    try:
        return _convert(root, writer, labels, workers)
    except BaseException:
        if is_new:
            shutil.rmtree(out, ignore_errors=True)
        raise


def _convert(root: str | Path, writer: NuScenesWriter, labels: dict[str, dict], workers: int) -> dict[str, Any]:
    job = partial(_convert_frame, root, writer.root)
    method = 'fork' if hasattr(os, 'fork') else 'spawn'
    frames = run_unordered(job, labels.items(), workers=workers, method=method)
    found = {name: frame for name, *frame in track(frames, 'frames', total=len(labels))}
    counts: Counter[str] = Counter()
    for name in labels:  # in this order, whatever the number of processes
        rows, counted = found[name]
        writer.add(rows)
        counts.update(counted)
    report = {'notes': _NOTES, 'splits': {name: len(scenes) for name, scenes in writer.splits.items()},
              'counts': dict(sorted(counts.items()))}
    write_json(writer.finish() / REPORT_FILE, report)
    return report


def splits_of(name: str) -> list[str]:
    """Splits of a frame: blocks, since neighbours look alike; ``astyx_val_gap`` leaves 346 to 350 out."""
    number = int(name)
    if number <= _LAST_TRAIN:
        return ['astyx_train']
    if number > _LAST_VAL:
        return ['astyx_test']
    return ['astyx_val'] if number in _GAP else ['astyx_val', 'astyx_val_gap']


def lidar_to_ego() -> np.ndarray:
    """(4, 4): the smallest rotation that levels ``GROUND_PLANE``, then up by the LiDAR's height over it."""
    a, b, c = GROUND_PLANE
    normal = np.array([-a, -b, 1.0]) / np.sqrt(1 + a * a + b * b)
    axis = np.cross(normal, [0, 0, 1])
    turn = axis / np.linalg.norm(axis) * np.arccos(normal[2])
    motion = np.eye(4)
    motion[:3, :3] = Rotation.from_rotvec(turn).as_matrix()
    motion[2, 3] = -c * normal[2]
    return motion


def _convert_frame(root: str | Path, out: Path, named: tuple[str, dict]) -> tuple[str, SceneRows, Counter]:
    """Write the files of a frame; returns its name, its rows and what was counted."""
    name, labels = named
    frame = read_frame(root, name, labels)
    rows = SceneRows()
    log = rows.add_log(logfile='astyx-hires2019', vehicle='astyx', location='astyx')
    scene = rows.add_scene(name=f'astyx-{name}', split=splits_of(name), log=log, location='astyx',
                           description='Single frame; compensated radar velocity is the raw one.')
    timestamp = _FIRST_TIMESTAMP + int(name) * _FRAME_TIME
    sample = rows.add_sample(scene=scene, timestamp_us=timestamp)
    pose = rows.add_ego_pose(timestamp_us=timestamp, translation=(0, 0, 0), rotation=(1, 0, 0, 0))
    ref2ego = lidar_to_ego() @ inverse(frame.lidar2ref)
    for channel, modality, sensor2ego, intrinsic, suffix in (
            ('CAM_FRONT', 'camera', ref2ego @ frame.camera2ref, frame.intrinsic, 'jpg'),
            ('LIDAR_TOP', 'lidar', lidar_to_ego(), (), 'pcd.bin'),
            ('RADAR_FRONT', 'radar', ref2ego, (), 'pcd')):
        rows.add_sensor(channel=channel, modality=modality)
        calibration = rows.add_calibrated_sensor(channel=channel, translation=sensor2ego[:3, 3],
                                                 rotation=_wxyz(sensor2ego), camera_intrinsic=intrinsic)
        file = f'samples/{channel}/{name}.{suffix}'
        width, height = frame.image_size if modality == 'camera' else (0, 0)
        rows.add_sample_data(sample=sample, channel=channel, calibrated_sensor=calibration, ego_pose=pose,
                             timestamp_us=timestamp, filename=file, is_key_frame=True, width=width,
                             height=height)
        _write_measurement(out / file, modality, frame)
    return name, rows, _add_objects(rows, frame, sample, ref2ego)


def _write_measurement(path: Path, modality: str, frame: AstyxFrame) -> None:
    if modality == 'camera':
        write_bytes(path, frame.jpeg)
    elif modality == 'lidar':
        write_lidar_bin(path, frame.lidar)
    else:
        write_radar_pcd(path, radar_fields(frame.radar))


def radar_fields(radar: np.ndarray) -> dict[str, np.ndarray]:
    """(N, 5) of ``AstyxFrame.radar`` -> nuScenes radar fields.

    Astyx counts approaching as positive, nuScenes gives the velocity vector along the line of sight (away
    from the sensor is positive). The vector is laid into the horizontal plane at full length.
    """
    x, y, z, approach, magnitude = radar.T.astype(np.float64)
    distance = np.maximum(np.hypot(x, y), 1e-6)
    vx, vy = -approach * x / distance, -approach * y / distance
    unknown = np.full(len(x), 4)
    return dict(x=x, y=y, z=z, rcs=magnitude, vx=vx, vy=vy, vx_comp=vx, vy_comp=vy, dyn_prop=unknown)


def _add_objects(rows: SceneRows, frame: AstyxFrame, sample: str, ref2ego: np.ndarray) -> Counter:
    """Annotations of a frame; returns what was counted."""
    counts: Counter[str] = Counter()
    lidar = move(frame.lidar2ref, frame.lidar[:, :3].astype(np.float64))
    radar = frame.radar[:, :3].astype(np.float64)
    for number, label in enumerate(frame.objects):
        category = CATEGORIES.get(label['classname'])
        if category is None:
            counts[f'left out: {label["classname"]}'] += 1
            continue
        box2ref = _box_pose(label)
        length, width, height = label['dimension3d']
        held = [points_in_box(points, box2ref, label['dimension3d']) for points in (lidar, radar)]
        box2ego = ref2ego @ box2ref
        rows.add_annotation(
            sample=sample, instance=rows.add_instance(category_name=category, key=f'{frame.name}/{number}'),
            translation=box2ego[:3, 3], size=(width, length, height), rotation=_wxyz(box2ego),
            visibility_level=_VISIBILITY.get(label['occlusion'], 1), num_lidar_pts=held[0],
            num_radar_pts=held[1])
        counts[f'boxes: {category}'] += 1
        counts['boxes without LiDAR or radar points'] += not any(held)
    return counts


def points_in_box(points: np.ndarray, box2frame: np.ndarray, extent: tuple[float, float, float]) -> int:
    """How many of (N, 3) points lie in a box of ``extent`` (l, w, h), ``BOX_MARGIN`` included."""
    inside = np.abs(move(inverse(box2frame), points)) <= np.asarray(extent) / 2 + BOX_MARGIN
    return int(inside.all(axis=1).sum())


def _box_pose(label: dict[str, Any]) -> np.ndarray:
    w, x, y, z = label['orientation_quat']
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_quat([x, y, z, w]).as_matrix()
    pose[:3, 3] = label['center3d']
    return pose


def _wxyz(motion: np.ndarray) -> np.ndarray:
    return Rotation.from_matrix(motion[:3, :3]).as_quat()[[3, 0, 1, 2]]
