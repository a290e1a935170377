"""Reads the compact Astyx HiRes 2019 data set: one ``.npz``, one JPEG and one entry of labels a frame."""

from __future__ import annotations

import gzip
import json
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.convert.pictures import read_picture
from perception_kd.files import require_folder

LABEL_FILE = 'labels_and_calibration.json.gz'
IMAGE_SCALE = 0.5
"""The images were halved; the calibration is of the full size (2048 x 618)."""

_BOX = {'center3d': 3, 'dimension3d': 3, 'orientation_quat': 4}
_ARRAYS = {'radar_xyz_vr_mag': 5, 'lidar_xyz_cm': 3, 'lidar_reflectivity': None, 'lidar_laser_id': None}


@dataclass(frozen=True)
class AstyxFrame:
    """One frame. The reference frame is the radar's: x forward, y left, z up, in m.

    Args:
        name: Six digits.
        radar: (N, 5) x, y, z, radial velocity in m/s (positive when approaching), magnitude in dB.
        lidar: (P, 5) x, y, z in m in the LiDAR frame, reflectivity 0..255, laser number.
        jpeg: The image file, checked to decode.
        image_size: Width and height of the image.
        objects: Labels, boxes in the reference frame.
        lidar2ref: (4, 4).
        camera2ref: (4, 4).
        intrinsic: (3, 3) for the image as it is stored.
    """

    name: str
    radar: np.ndarray
    lidar: np.ndarray
    jpeg: bytes
    image_size: tuple[int, int]
    objects: list[dict[str, Any]]
    lidar2ref: np.ndarray
    camera2ref: np.ndarray
    intrinsic: np.ndarray


def read_labels(root: str | Path) -> dict[str, dict[str, Any]]:
    """Frame name -> objects and calibration, in the order of the names.

    Raises:
        FileNotFoundError, ValueError: no such folder or file, or the file is damaged.
    """
    root = require_folder(root, 'Astyx folder')
    path = root / LABEL_FILE
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; {root} is not the compact Astyx HiRes 2019 data set')
    try:
        labels = json.loads(gzip.decompress(path.read_bytes()))
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise ValueError(f'{path} is damaged ({error}); fetch it again') from None
    if not isinstance(labels, dict) or not labels:
        raise ValueError(f'{path} names no frames; fetch it again')
    return dict(sorted(labels.items()))


def read_frame(root: str | Path, name: str, labels: dict[str, Any]) -> AstyxFrame:
    """Read and check one frame.

    Raises:
        FileNotFoundError, ValueError: a file is missing or damaged, or the calibration incomplete.
    """
    arrays = _read_points(Path(root) / 'points' / f'{name}.npz')
    jpeg, size = read_picture(Path(root) / 'camera_front' / f'{name}.jpg')
    lidar = np.column_stack([arrays['lidar_xyz_cm'] / 100, arrays['lidar_reflectivity'],
                             arrays['lidar_laser_id']])
    _check_objects(name, labels)
    try:
        sensors = {entry['sensor_uid']: entry['calib_data'] for entry in labels['calibration']}
        camera, lidar_entry = sensors['camera_front'], sensors['lidar_vlp16']
        intrinsic = _matrix(name, camera['K'], 3)
        return AstyxFrame(
            name=name, radar=arrays['radar_xyz_vr_mag'], lidar=lidar.astype(np.float32), jpeg=jpeg,
            image_size=size, objects=labels['objects'],
            lidar2ref=_matrix(name, lidar_entry['T_to_ref_COS'], 4),
            camera2ref=_matrix(name, camera['T_to_ref_COS'], 4),
            intrinsic=intrinsic * [[IMAGE_SCALE], [IMAGE_SCALE], [1.0]])
    except (KeyError, TypeError) as error:
        raise ValueError(f'frame {name}: labels lack {error}; fetch {LABEL_FILE} again') from None


def _matrix(name: str, values: Any, side: int) -> np.ndarray:
    try:
        matrix = np.asarray(values, np.float64)
    except (ValueError, TypeError):
        matrix = np.empty(0)
    if matrix.shape != (side, side) or not np.isfinite(matrix).all():
        raise ValueError(f'frame {name}: a calibration is no ({side}, {side}) matrix of finite numbers; fetch '
                         f'{LABEL_FILE} again')
    return matrix


def _check_objects(name: str, labels: Any) -> None:
    """Refuse labels of another form, and boxes that are NaN."""
    objects = labels.get('objects') if isinstance(labels, dict) else None
    for box in objects if isinstance(objects, list) else [None]:
        try:
            numbers = [float(number) for key, count in _BOX.items() for number in box[key][:count]]
            good = len(numbers) == sum(_BOX.values()) and bool(np.isfinite(numbers).all())
            good = good and isinstance(box['classname'], str) and 'occlusion' in box
        except (KeyError, TypeError, ValueError):
            good = False
        if not good:
            raise ValueError(f'frame {name}: labels hold a box that is none: {box}; fetch {LABEL_FILE} again')


def _read_points(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; the labels name this frame')
    try:
        with np.load(path) as content:
            arrays = {key: content[key] for key in _ARRAYS}
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError) as error:
        raise ValueError(f'{path} is damaged ({error}); fetch it again') from None
    for key, columns in _ARRAYS.items():
        if columns is not None and (arrays[key].ndim != 2 or arrays[key].shape[1] != columns):
            raise ValueError(f'{path}: {key} must be (N, {columns}), got {arrays[key].shape}')
        if arrays[key].dtype.kind not in 'iuf' or not np.isfinite(arrays[key]).all():
            raise ValueError(f'{path}: {key} holds something that is no finite number; fetch it again')
    if len({len(array) for key, array in arrays.items() if key.startswith('lidar')}) != 1:
        raise ValueError(f'{path}: its LiDAR arrays differ in length; fetch it again')
    return arrays
