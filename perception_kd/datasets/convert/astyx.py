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

from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.convert.astyx_source import AstyxFrame, read_frame, read_labels
from perception_kd.datasets.convert.job import convert_frames
from perception_kd.datasets.convert.rig_frame import (
    BOX_MARGIN,
    RigBox,
    RigFrame,
    along_sight,
    motion_of,
    write_frame,
)
from perception_kd.datasets.nuscenes.poses import inverse
from perception_kd.datasets.nuscenes.rows import SceneRows

VERSION = 'v1.0-astyx'
GROUND_PLANE = (0.0140, -0.0112, -1.7091)
"""The road in the LiDAR frame, z = a x + b y + c: least squares over the bottom centres of all training
boxes. Planes fitted to the LiDAR's ground returns of every sixth training frame have the median
(0.0162, -0.0116, -1.734)."""

CATEGORIES = {
    'Car': 'vehicle.car', 'Truck': 'vehicle.truck', 'Bus': 'vehicle.bus.rigid', 'Trailer': 'vehicle.trailer',
    'Person': 'human.pedestrian.adult', 'Cyclist': 'vehicle.bicycle', 'Motorcyclist': 'vehicle.motorcycle',
}  # fmt: skip
"""Labels without an entry ("Towed Object", "Other Vehicle": four boxes) fit no detection class; left out."""

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
    work = partial(_convert_frame, root, Path(out))
    return convert_frames(work, list(read_labels(root).items()), out=out, version=VERSION, notes=_NOTES, force=force,
                          workers=workers)


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
    return motion_of(Rotation.from_rotvec(turn), (0, 0, -c * normal[2]))


def _convert_frame(root: str | Path, out: Path, named: tuple[str, dict]) -> tuple[SceneRows, Counter[str]]:
    """Write the files of a frame; returns its rows and what was counted."""
    name, labels = named
    source = read_frame(root, name, labels)
    ref2ego = lidar_to_ego() @ inverse(source.lidar2ref)
    boxes, counted = _boxes(source, ref2ego)
    return write_frame(out, RigFrame(
        name=name, scene=f'astyx-{name}', splits=splits_of(name), counted=counted, boxes=boxes,
        description='Single frame; compensated radar velocity is the raw one.',
        log=dict(logfile='astyx-hires2019', vehicle='astyx', location='astyx'),
        timestamp_us=_FIRST_TIMESTAMP + int(name) * _FRAME_TIME, ego2global=np.eye(4),
        picture=source.jpeg, picture_suffix='jpg', picture_size=source.image_size, intrinsic=source.intrinsic,
        lidar=source.lidar, radar=radar_fields(source.radar), camera2ego=ref2ego @ source.camera2ref,
        lidar2ego=lidar_to_ego(), radar2ego=ref2ego))


def radar_fields(radar: np.ndarray) -> dict[str, np.ndarray]:
    """(N, 5) of ``AstyxFrame.radar`` -> nuScenes radar fields.

    Astyx counts approaching as positive, nuScenes gives the velocity vector along the line of sight (away
    from the sensor is positive).
    """
    x, y, z, approach, magnitude = radar.T.astype(np.float64)
    vx, vy = along_sight(x, y, -approach)
    unknown = np.full(len(x), 4)
    return dict(x=x, y=y, z=z, rcs=magnitude, vx=vx, vy=vy, vx_comp=vx, vy_comp=vy, dyn_prop=unknown)


def _boxes(source: AstyxFrame, ref2ego: np.ndarray) -> tuple[list[RigBox], Counter[str]]:
    """Annotations that fit a category, and the counted others."""
    boxes, left_out = [], Counter()
    for number, label in enumerate(source.objects):
        category = CATEGORIES.get(label['classname'])
        if category is None:
            left_out[f'left out: {label["classname"]}'] += 1
            continue
        w, x, y, z = label['orientation_quat']
        boxes.append(RigBox(
            category=category, key=f'{source.name}/{number}', extent=tuple(label['dimension3d']),
            box2ego=ref2ego @ motion_of(Rotation.from_quat([x, y, z, w]), label['center3d']),
            visibility=_VISIBILITY.get(label['occlusion'], 1)))
    return boxes, left_out
