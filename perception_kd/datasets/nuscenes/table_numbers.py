"""Numbers of nuScenes tables that would spoil, unnoticed, all that is made from them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

_POSE = {'translation': (3,), 'rotation': (4,)}
_SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    'ego_pose': _POSE,
    'calibrated_sensor': {**_POSE, 'camera_intrinsic': (3, 3)},
    'sample_annotation': {**_POSE, 'size': (3,), 'num_lidar_pts': (), 'num_radar_pts': ()},
    'sample': {'timestamp': ()},
    'sample_data': {'timestamp': (), 'height': (), 'width': ()},
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
    tokens = [row['token'] for row in rows]
    for column in _SHAPES.get(path.stem, {}):
        # Sensors that are no cameras have no intrinsics.
        numbered = [(token, row[column]) for token, row in zip(tokens, rows)
                    if column != 'camera_intrinsic' or row[column] != []]
        checked_numbers(path, column, *map(list, zip(*numbered)) if numbered else ([], []))


def checked_numbers(path: Path, column: str, tokens: Sequence[str], values: Sequence[Any]) -> np.ndarray:
    """A column of a table as an array (N, ...), checked as :func:`check_numbers` does; N tokens name its rows."""
    shape = _SHAPES[path.stem][column]
    array = _as_numbers(column, values, shape)
    if array is None:
        bad, value = next(pair for pair in zip(tokens, values) if _as_numbers(column, [pair[1]], shape) is None)
        raise ValueError(f'{path}: row {bad}: {column} is {value}, which cannot be; unpack the data set again')
    return array


def _as_numbers(column: str, values: Sequence[Any], shape: tuple[int, ...]) -> np.ndarray | None:
    if not len(values):
        return np.zeros((0, *shape))
    try:
        array = np.array(values)
    except ValueError:  # rows of different lengths
        return None
    if array.shape != (len(values), *shape) or array.dtype.kind not in 'iuf' or not np.isfinite(array).all():
        return None
    if column == 'rotation':
        good = np.abs(np.linalg.norm(array, axis=1) - 1) < 0.01
    else:
        good = array > 0 if column == 'size' else np.True_
    return array if good.all() else None
