"""Numbers of nuScenes tables that would spoil, unnoticed, all that is made from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

_POSE = {'translation': (3,), 'rotation': (4,)}
_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    'ego_pose': _POSE,
    'calibrated_sensor': {**_POSE, 'camera_intrinsic': (3, 3)},
    'sample_annotation': {**_POSE, 'size': (3,), 'num_lidar_pts': (), 'num_radar_pts': ()},
    'sample': {'timestamp': ()},
    'sample_data': {'timestamp': ()},
}


def check_numbers(path: Path, rows: list[dict[str, Any]]) -> None:
    """Refuse poses, calibrations, boxes and times that are NaN, infinite, of another form, or impossible.

    Impossible are a rotation whose length is off from 1 by more than 1 % and a size that is not positive.

    Args:
        path: File of the table; its name says what to look at.
        rows: Its rows, with all columns.

    Raises:
        ValueError: names the file, the row and the column.
    """
    for column, shape in _SHAPES.get(path.stem, {}).items():
        if not _are_good(column, rows, shape):
            bad = next(row for row in rows if not _are_good(column, [row], shape))
            raise ValueError(f'{path}: row {bad["token"]}: {column} is {bad[column]}, which cannot be; unpack the '
                             'data set again')


def _are_good(column: str, rows: list[dict[str, Any]], shape: tuple[int, ...]) -> bool:
    values = [row[column] for row in rows]
    if column == 'camera_intrinsic':
        values = [value for value in values if value != []]  # which other sensors have
    if not values:
        return True
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        return False
    if array.shape != (len(values), *shape) or array.dtype.kind not in 'iuf' or not np.isfinite(array).all():
        return False
    if column == 'rotation':
        return bool((np.abs(np.linalg.norm(array, axis=1) - 1) < 0.01).all())
    return column != 'size' or bool((array > 0).all())
