"""The cameras of a rectified pair, and what a disparity means in metres."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from perception_kd.datasets.stereo.calibration import StereoCalibration, read_calibration
from perception_kd.files import require_file

_FORMS = {'.xml': 'booster', '.json': 'fallingthings'}
_BEGINNING = 4096  # bytes
_SAME = 0.01  # of the ratio of two sides


@dataclass(frozen=True)
class RigSwitches:
    """What a command line says of the cameras; each number goes before that of a file.

    Args:
        calib: File; None: the one beside the pictures, if any.
        focal: px.
        baseline: m.
        doffs: x of the right principal point less that of the left, px.
        centre: Principal point (x, y) of the left picture, px.
    """

    calib: Path | None = None
    focal: float | None = None
    baseline: float | None = None
    doffs: float | None = None
    centre: tuple[float, float] | None = None

    def rig(self, own: Path | StereoCalibration | None = None) -> StereoCalibration | None:
        """The cameras of a pair; None where nothing tells of them.

        Args:
            own: Calibration of the pair itself, or its file.

        Raises:
            FileNotFoundError: no such file.
            ValueError: it cannot be read, a number is missing, or one that no camera has.
        """
        given = {name: value for name in ('focal', 'baseline', 'doffs', 'centre')
                 if (value := getattr(self, name)) is not None}
        complete = 'focal' in given and 'baseline' in given
        source = self.calib or (None if complete else own)
        if source is not None:
            found = replace(source if isinstance(source, StereoCalibration) else read_by_form(source), **given)
        elif complete:
            found = StereoCalibration(**given)
        elif not given:
            return None
        else:
            raise ValueError('depth needs --focal PX and --baseline M, or --calib calib.txt')
        for name, unit in (('focal', 'px'), ('baseline', 'm')):
            if not 0 < getattr(found, name) < math.inf:
                raise ValueError(f'--{name} is a number of {unit} above 0, got {getattr(found, name):g}')
        if not all(map(math.isfinite, (found.doffs, *(found.centre or ())))):
            raise ValueError(f'--doffs and --principal-point are numbers of px, got {found.doffs:g}, {found.centre}')
        return found


def read_by_form(path: str | Path) -> StereoCalibration:
    """Read a calibration file of Middlebury (``cam0=``), KITTI (``P2:``), Booster (.xml) or FallingThings (.json).

    Raises:
        FileNotFoundError: no such file.
        ValueError: it cannot be read.
    """
    form = _FORMS.get(Path(path).suffix.lower())
    if form is None:
        with require_file(path, 'calibration').open('rb') as file:
            form = 'middlebury' if b'cam0' in file.read(_BEGINNING) else 'kitti'
    return read_calibration(path, form)


def rig_of_size(rig: StereoCalibration, width: int, height: int) -> StereoCalibration:
    """The rig for pictures of a size: scaled, if it was made for another size of the same shape.

    Without a principal point, the middle of the picture is taken. The middle of the first pixel is (0, 0).

    Raises:
        ValueError: the shapes differ.
    """
    ours = rig.size or (width, height)
    scale = width / ours[0]
    if abs(height / ours[1] / scale - 1) > _SAME:
        raise ValueError(f'the calibration is of pictures of {ours[0]}x{ours[1]}, these are {width}x{height}, another '
                         'shape; give the calibration of these pictures')
    x, y = rig.centre or ((ours[0] - 1) / 2, (ours[1] - 1) / 2)
    centre = ((x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5)
    return replace(rig, focal=rig.focal * scale, doffs=rig.doffs * scale, centre=centre, size=(width, height))


def depth_of(disparity: NDArray[np.float32], rig: StereoCalibration) -> NDArray[np.float32]:
    """``(H, W)`` m along the view, infinite where there is no parallax: ``focal * baseline / (disparity + doffs)``.

    The formula is that of Middlebury's ``calib.txt``.
    """
    parallax = disparity.astype(np.float64) + rig.doffs
    with np.errstate(divide='ignore', invalid='ignore'):
        return np.where(parallax > 0, rig.focal * rig.baseline / parallax, np.inf).astype(np.float32)


def points_of(depth: NDArray[np.float32], rig: StereoCalibration) -> NDArray[np.float32]:
    """``(H, W, 3)`` m in the left camera's frame: x right, y down, z along the view."""
    x, y = rig_of_size(rig, depth.shape[1], depth.shape[0]).centre
    rows, columns = np.mgrid[:depth.shape[0], :depth.shape[1]]
    with np.errstate(invalid='ignore'):
        across, down = (columns - x) / rig.focal * depth, (rows - y) / rig.focal * depth
        return np.stack([across, down, depth], -1, dtype=np.float32)
