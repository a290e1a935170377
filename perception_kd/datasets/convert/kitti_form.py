"""Files in the form of KITTI's object benchmark: point clouds, calibrations, labels and lists of frames.

Frames: *velo* is the sensor of the folder ``velodyne`` (a LiDAR, or a radar in radar data sets: x forward, y left,
z up), *camera* the rectified camera (x right, y down, z forward). A label's location is the bottom centre of the box
in the camera's frame; its dimensions are height, width, length. Boxes stand upright either for the camera, as in
KITTI, or for the velo sensor, as in View-of-Delft, where the camera is tilted: see :func:`box_pose`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial.transform import Rotation

from perception_kd.datasets.convert.rig_frame import motion_of
from perception_kd.datasets.nuscenes.poses import Matrix, inverse

FETCH = 'unpack the data set again'
VISIBILITY = {0: 4, 1: 2, 2: 1}
"""KITTI's occlusion (visible, partly, largely occluded) as nuScenes visibility level; others count as 1."""

_LABEL_NUMBERS = 13  # after name and truncation; a score may follow
_ORTHONORMAL = 1e-3


@dataclass(frozen=True)
class KittiCalibration:
    """Intrinsic (3, 3) of the camera and the motion (4, 4) from the velo sensor into the camera's frame."""

    intrinsic: Matrix
    velo2camera: Matrix


@dataclass(frozen=True)
class KittiLabel:
    """One line of a label file.

    Args:
        kind: Class name.
        truncated: The second column as it stands; some data sets keep a track's number there.
        occluded: 0 visible, 1 partly, 2 largely occluded; others unknown.
        extent: Length, width, height in m.
        location: (3) bottom centre in the camera's frame, m.
        rotation: About the vertical axis that points down, rad; -pi/2 looks forward.
    """

    kind: str
    truncated: str
    occluded: int
    extent: tuple[float, float, float]
    location: tuple[float, float, float]
    rotation: float


def read_frame_list(path: Path) -> list[str]:
    """Names of frames, one a line, as they stand.

    Raises:
        FileNotFoundError, ValueError: no such file, or a line that is no number.
    """
    names = _read_text(path).split()
    bad = next((name for name in names if not name.isascii() or not name.isdigit()), None)
    if bad is not None:
        raise ValueError(f'{path}: {bad!r} is no number of a frame; {FETCH}')
    return names


def check_files(root: Path, paths: Iterable[Path]) -> None:
    """See that all files are there, before hours of work.

    Raises:
        FileNotFoundError: counts those that are not, and names the first.
    """
    missing = [path for path in paths if not path.is_file()]
    if missing:
        folders = sorted({str(path.parent.relative_to(root)) for path in missing})
        raise FileNotFoundError(f'{root}: {len(missing)} files of the frame lists are missing ({", ".join(folders)}); '
                                f'the first is {missing[0]}; {FETCH}')


def read_points(path: Path, columns: int) -> tuple[np.ndarray, int]:
    """Point cloud (N, ``columns``) float32 without the points that are not finite, and how many those were.

    Raises:
        FileNotFoundError, ValueError: no such file, or its size is no whole number of points.
    """
    content = _read_bytes(path)
    if len(content) % (4 * columns):
        raise ValueError(f'{path}: {len(content)} bytes are no whole number of {columns}-value points; {FETCH}')
    points = np.frombuffer(content, '<f4').reshape(-1, columns).astype(np.float32)
    finite = np.isfinite(points).all(axis=1)
    return points[finite], int((~finite).sum())


def read_lidar(path: Path, counted: Counter[str]) -> np.ndarray:
    """LiDAR scan (P, 5) as nuScenes has it, from (P, 4): x, y, z, reflectance; ring numbers are not known (0).

    Reflectance up to 1 is taken as KITTI's 0..1 and multiplied by 255. Counts the points that are not finite.

    Raises:
        FileNotFoundError, ValueError: as :func:`read_points`, or a scan without a single point.
    """
    points, dropped = read_points(path, 4)
    if not len(points):
        raise ValueError(f'{path}: a LiDAR scan without a single point; {FETCH}')
    counted['LiDAR points left out: not finite'] += dropped
    scale = 255.0 if points[:, 3].max() <= 1 else 1.0
    return np.column_stack([points[:, :3], points[:, 3] * scale, np.zeros(len(points))])


def read_calibration(path: Path) -> KittiCalibration:
    """``P2``, ``R0_rect`` (identity where it is not given) and ``Tr_velo_to_cam`` of a calibration file.

    Raises:
        FileNotFoundError, ValueError: no such file, a matrix that is missing or none, or a second camera's ``P2``.
    """
    lines = dict(line.split(':', 1) for line in _read_text(path).splitlines() if ':' in line)
    projection = _matrix(path, lines, 'P2', (3, 4))
    if np.abs(projection[:, 3]).max() > 0:
        raise ValueError(f'{path}: P2 moves the camera by {projection[:, 3]}; only the reference camera is read')
    rectification, motion = np.eye(4), np.eye(4)
    if 'R0_rect' in lines:
        rectification[:3, :3] = _rotation(path, 'R0_rect', _matrix(path, lines, 'R0_rect', (3, 3)))
    velo2camera = _matrix(path, lines, 'Tr_velo_to_cam', (3, 4))
    motion[:3, :3], motion[:3, 3] = _rotation(path, 'Tr_velo_to_cam', velo2camera[:, :3]), velo2camera[:, 3]
    return KittiCalibration(intrinsic=projection[:, :3], velo2camera=rectification @ motion)


def read_labels(path: Path) -> list[KittiLabel]:
    """All lines but ``DontCare``.

    Raises:
        FileNotFoundError, ValueError: no such file, or a line that is no label; names its number.
    """
    lines = enumerate(_read_text(path).splitlines(), 1)
    return [_label(f'{path}: line {number}', line.split()) for number, line in lines
            if line.strip() and line.split()[0] != 'DontCare']


def box_pose(label: KittiLabel, velo2camera: Matrix, upright: Literal['camera', 'velo']) -> Matrix:
    """Pose (4, 4) of a box in the velo frame: origin at the centre, x forward, z up.

    KITTI defines ``rotation`` about the camera's vertical axis (y down), View-of-Delft about the LiDAR's negative
    vertical axis. With axes that are parallel both give the yaw -(rotation + pi/2) in the velo frame.

    Args:
        label: Its location is the bottom centre.
        velo2camera: (4, 4).
        upright: In which frame the box stands upright.
    """
    camera2velo, up = inverse(velo2camera), (0.0, 0.0, label.extent[2] / 2)
    if upright == 'velo':
        bottom = motion_of(Rotation.from_euler('z', -(label.rotation + math.pi / 2)),
                           camera2velo[:3, :3] @ label.location + camera2velo[:3, 3])
    else:
        # The box's x, y, z axes in the camera's frame at rotation 0: right, forward, up.
        axes = Rotation.from_matrix([[1, 0, 0], [0, 0, -1], [0, 1, 0]])
        bottom = camera2velo @ motion_of(Rotation.from_euler('y', label.rotation) * axes, label.location)
    return bottom @ motion_of(Rotation.identity(), up)


def read_rigid(where: str, values: Sequence[float]) -> Matrix:
    """(4, 4) motion from 16 numbers, row by row; its rotation is made exactly one.

    Raises:
        ValueError: not 16 finite numbers, or no rigid motion.
    """
    try:
        motion = np.asarray(values, np.float64).reshape(4, 4)
    except (ValueError, TypeError):
        motion = np.full((4, 4), np.nan)
    if not np.isfinite(motion).all() or not np.allclose(motion[3], [0, 0, 0, 1]):
        raise ValueError(f'{where} is no (4, 4) motion of finite numbers; {FETCH}')
    motion[:3, :3] = _rotation(where, 'its rotation', motion[:3, :3])
    return motion


def _label(where: str, words: list[str]) -> KittiLabel:
    try:
        kind, truncated, *numbers = words
        values = [float(number) for number in numbers]
        height, width, length = values[6:9]
        good = len(values) in (_LABEL_NUMBERS, _LABEL_NUMBERS + 1) and bool(np.isfinite(values).all())
        good = good and min(height, width, length) > 0 and values[0] == int(values[0])
    except (ValueError, OverflowError):
        good = False
    if not good:
        raise ValueError(f'{where} is no label ({" ".join(words)}): 15 columns and perhaps a score, a whole number for '
                         f'the occlusion, positive dimensions; {FETCH}')
    return KittiLabel(kind=kind, truncated=truncated, occluded=int(values[0]), extent=(length, width, height),
                      location=tuple(values[9:12]), rotation=values[12])


def _matrix(path: Path, lines: dict[str, str], name: str, shape: tuple[int, int]) -> Matrix:
    try:
        values = np.array(lines[name].split(), np.float64).reshape(shape)
    except (KeyError, ValueError):
        values = np.full(shape, np.nan)
    if not np.isfinite(values).all():
        raise ValueError(f'{path}: {name} is not there or no {shape} matrix of finite numbers; {FETCH}')
    return values


def _rotation(where: object, name: str, matrix: Matrix) -> Matrix:
    """The nearest rotation (3, 3): files round to some digits, and an inverse by transposition needs an exact one."""
    left, _, right = np.linalg.svd(matrix)
    rotation = left @ right
    if np.abs(rotation - matrix).max() > _ORTHONORMAL or np.linalg.det(rotation) < 0:
        raise ValueError(f'{where}: {name} is no rotation; {FETCH}')
    return rotation


def _read_text(path: Path) -> str:
    try:
        return _read_bytes(path).decode('ascii')
    except UnicodeDecodeError:
        raise ValueError(f'{path} is no text; {FETCH}') from None


def _read_bytes(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(f'{path} is missing; {FETCH}')
    return path.read_bytes()
