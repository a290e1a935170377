"""Focal length, baseline and offset of principal points, as the public stereo sets write them.

Depth follows from disparity by ``focal * baseline / (disparity + doffs)``.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from perception_kd.files import require_file

_LONGEST = 2**20  # bytes of a calibration file


@dataclass(frozen=True, kw_only=True)
class StereoCalibration:
    """Of a rectified pair.

    Args:
        focal: Of both cameras, px of the pictures.
        baseline: Distance of the cameras, m.
        doffs: x of the right principal point less that of the left, px.
        centre: Principal point (x, y) of the left camera, px, where it is known.
        ndisp: A bound on the disparities, px, where it is known.
        size: (width, height) of the pictures that all of this holds for, where it is known.
    """

    focal: float
    baseline: float
    doffs: float = 0.0
    centre: tuple[float, float] | None = None
    ndisp: int | None = None
    size: tuple[int, int] | None = None


def read_calibration(path: str | Path, reader: str = 'middlebury') -> StereoCalibration:
    """Read a calibration by the name of its form in ``CALIBRATION_READERS``.

    Raises:
        FileNotFoundError: no such file.
        ValueError: unknown form, or a file that has not what it must have.
    """
    if reader not in CALIBRATION_READERS:
        raise ValueError(f'{path}: unknown form {reader!r} of calibration; there are {", ".join(CALIBRATION_READERS)}')
    path = require_file(path, 'calibration')
    if path.stat().st_size > _LONGEST:
        raise ValueError(f'{path}: more than {_LONGEST} bytes; a calibration is a short text')
    try:
        found = CALIBRATION_READERS[reader](path)
    except (KeyError, IndexError, TypeError, ValueError, RecursionError, cv2.error, SystemError) as error:
        cause = f'no {error}' if isinstance(error, KeyError) else str(error).split('\n')[0][:100]
        raise ValueError(f'{path}: not a calibration in the form of {reader}: {cause}') from None
    if not (0 < found.focal < math.inf and 0 < found.baseline < math.inf and math.isfinite(found.doffs)):
        raise ValueError(f'{path}: focal length {found.focal} px and baseline {found.baseline} m must be above 0, '
                         f'doffs {found.doffs} px a number')
    return found


def _entries(path: Path, separator: str) -> dict[str, str]:
    lines = (line.partition(separator) for line in path.read_text().splitlines())
    return {name.strip(): value.strip() for name, found, value in lines if found}


def _matrix(text: str, rows: int) -> np.ndarray:
    return np.array([float(one) for one in re.split(r'[\s;,]+', text.strip('[] '))]).reshape(rows, -1)


def _middlebury(path: Path) -> StereoCalibration:
    """``cam0=[f 0 cx; 0 f cy; 0 0 1]``, ``doffs`` in px, ``baseline`` in mm, ``ndisp``, ``width``, ``height``."""
    entries = _entries(path, '=')
    left = _matrix(entries['cam0'], 3)
    right = _matrix(entries['cam1'], 3) if 'cam1' in entries else left
    doffs = float(entries['doffs']) if 'doffs' in entries else right[0, 2] - left[0, 2]
    return StereoCalibration(focal=float(left[0, 0]), baseline=float(entries['baseline']) / 1000, doffs=float(doffs),
                             centre=(float(left[0, 2]), float(left[1, 2])),
                             ndisp=int(float(entries['ndisp'])) if 'ndisp' in entries else None,
                             size=_size(entries) if 'width' in entries else None)


def _size(entries: dict[str, str]) -> tuple[int, int]:
    width, height = int(entries['width']), int(entries['height'])
    if min(width, height) < 1:
        raise ValueError(f'width {width} and height {height}')
    return width, height


def _kitti(path: Path, *, cameras: tuple[int, int] = (2, 3)) -> StereoCalibration:
    """Projections of the colour (2, 3) or grey (0, 1) cameras: ``P2`` (2012) or ``P_rect_02`` (2015)."""
    entries = _entries(path, ':')
    left, right = (_matrix(entries.get(f'P_rect_0{index}') or entries[f'P{index}'], 3) for index in cameras)
    if not left[0, 0] > 0:
        raise ValueError('no focal length')
    return StereoCalibration(focal=float(left[0, 0]), baseline=float((left[0, 3] - right[0, 3]) / left[0, 0]),
                             doffs=float(right[0, 2] - left[0, 2]), centre=(float(left[0, 2]), float(left[1, 2])))


def _middlebury2006(path: Path) -> StereoCalibration:
    """``dmin.txt``: by how much cropping lessened disparity, px of the full size; the cameras are the sets'."""
    return StereoCalibration(focal=3740.0, baseline=0.16, doffs=float(path.read_text()))


def _fallingthings(path: Path) -> StereoCalibration:
    """``_camera_settings.json``; the cameras are 6 cm apart."""
    intrinsics = json.loads(path.read_text())['camera_settings'][0]['intrinsic_settings']
    return StereoCalibration(focal=float(intrinsics['fx']), baseline=0.06,
                             centre=(float(intrinsics['cx']), float(intrinsics['cy'])))


def _booster(path: Path) -> StereoCalibration:
    """``calib_00-02.xml`` of OpenCV: ``proj_matL``, ``proj_matR``, ``baselineLR`` in mm."""
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    left, right = storage.getNode('proj_matL').mat(), storage.getNode('proj_matR').mat()
    if left is None or right is None or min(*left.shape, *right.shape) < 3:
        raise ValueError('no matrices proj_matL and proj_matR')
    return StereoCalibration(focal=float(left[0, 0]), baseline=storage.getNode('baselineLR').real() / 1000,
                             doffs=float(right[0, 2] - left[0, 2]), centre=(float(left[0, 2]), float(left[1, 2])))


CALIBRATION_READERS: dict[str, Callable[[Path], StereoCalibration]] = {
    'middlebury': _middlebury,
    'middlebury2006': _middlebury2006,
    'kitti': _kitti,
    'kitti_grey': partial(_kitti, cameras=(0, 1)),
    'fallingthings': _fallingthings,
    'booster': _booster,
}
