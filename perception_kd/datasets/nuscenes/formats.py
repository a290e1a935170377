"""The two binary point formats of nuScenes: radar ``.pcd`` (18 fields) and LiDAR ``.pcd.bin``.

Field names, sizes and the meaning of an empty sweep follow nuscenes-devkit's
``RadarPointCloud.from_file`` and its documentation; the padding follows the sizes of real files.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.storage import read_bytes
from perception_kd.files import write_bytes

_RADAR_LAYOUT: tuple[tuple[str, str], ...] = (
    ('x', '<f4'), ('y', '<f4'), ('z', '<f4'), ('dyn_prop', '<i1'), ('id', '<i2'), ('rcs', '<f4'),
    ('vx', '<f4'), ('vy', '<f4'), ('vx_comp', '<f4'), ('vy_comp', '<f4'), ('is_quality_valid', '<i1'),
    ('ambig_state', '<i1'), ('x_rms', '<i1'), ('y_rms', '<i1'), ('invalid_state', '<i1'), ('pdh0', '<i1'),
    ('vx_rms', '<i1'), ('vy_rms', '<i1'),
)  # fmt: skip
RADAR_FIELDS: tuple[str, ...] = tuple(name for name, _ in _RADAR_LAYOUT)
RADAR_DTYPE = np.dtype(list(_RADAR_LAYOUT))
"""One radar point on disk: 43 bytes, positions in m, velocities in m/s, rcs in dBsm."""

LIDAR_FIELDS: tuple[str, ...] = ('x', 'y', 'z', 'intensity', 'ring')

# What a PCD header may say of a field: TYPE and SIZE.
_PCD_TYPES = {(kind.upper(), str(size)): f'<{kind}{size}' for kind, sizes in (('f', (4, 8)), ('i', (1, 2, 4, 8)),
                                                                            ('u', (1, 2, 4, 8))) for size in sizes}

# A point that passes the devkit's default filters: valid, unambiguous, false-alarm chance below 25 %.
_RADAR_DEFAULTS = {'is_quality_valid': 1, 'ambig_state': 3, 'pdh0': 1}
# Every real file is 4096 bytes longer than its points (header included, zeros at the end), and the
# devkit's reader insists on at least one byte after the last point.
_RADAR_EXTRA_BYTES = 4096


def write_radar_pcd(path: str | Path, fields: np.ndarray | Mapping[str, np.ndarray]) -> Path:
    """Write one radar sweep as nuScenes does, atomically.

    Args:
        path: Target, ending in ``.pcd``.
        fields: (18, N) in the order of ``RADAR_FIELDS``, or a mapping of field name to (N,) values;
            fields left out become such that the point passes the devkit's default filters.

    Raises:
        ValueError: wrong shape, unknown field, a value that is not finite or does not fit its type.
    """
    path = Path(path)
    if path.suffix != '.pcd':
        raise ValueError(f'{path}: a radar file must end in .pcd, the devkit reads no other')
    points = _as_records(fields)
    body = points if len(points) else _empty_sweep()
    header = _radar_header(len(body)).encode()
    padding = max(_RADAR_EXTRA_BYTES - len(header), 1)
    write_bytes(path, header + body.tobytes() + bytes(padding))
    return path


def read_radar_pcd(path: str | Path, backend_args: Mapping[str, Any] | None = None) -> np.ndarray:
    """Read one radar sweep, unfiltered; ``backend_args`` as :func:`~perception_kd.datasets.storage.read_bytes`.

    Returns:
        (N, 18) float32 in the order of ``RADAR_FIELDS``, radar frame (x forward, y left). An empty sweep,
        on disk one point of NaN, gives (0, 18).

    Raises:
        FileNotFoundError: no such file.
        ValueError: not a nuScenes radar file, or shorter than its header says.
    """
    content = read_bytes(path, 'radar sweep', backend_args)
    marker = content.find(b'DATA binary\n')
    if marker < 0:
        raise ValueError(f'{path}: no "DATA binary" line, so this is not a nuScenes radar file')
    start = marker + len(b'DATA binary\n')
    dtype, count = _parse_radar_header(path, content[:start])
    held = len(content) - start
    if held < count * dtype.itemsize:
        raise ValueError(f'{path}: truncated: the header promises {count} points '
                         f'({count * dtype.itemsize} bytes), {held} bytes are there; fetch the file again')
    records = np.frombuffer(content, dtype, count, start)
    points = np.stack([records[name].astype(np.float32) for name in RADAR_FIELDS], axis=1)
    # The devkit calls a sweep empty when its first point holds a NaN.
    return points[:0] if np.isnan(points[:1]).any() else points


def write_lidar_bin(path: str | Path, points: np.ndarray) -> Path:
    """Write a LiDAR sweep (N, 5): x, y, z in m, intensity 0..255, ring; float32, atomically.

    Raises:
        ValueError: wrong shape or a value that is not finite.
    """
    points = np.asarray(points, np.float32)
    if points.ndim != 2 or points.shape[1] != len(LIDAR_FIELDS):
        raise ValueError(f'{path}: LiDAR points must be (N, 5), got {points.shape}')
    if not np.isfinite(points).all():
        raise ValueError(f'{path}: LiDAR points hold NaN or infinity')
    write_bytes(path, np.ascontiguousarray(points, '<f4').tobytes())
    return Path(path)


def read_lidar_bin(path: str | Path, backend_args: Mapping[str, Any] | None = None) -> np.ndarray:
    """Read a LiDAR sweep as (N, 5) float32: x, y, z, intensity, ring, in the LiDAR frame.

    ``backend_args`` are those of :func:`~perception_kd.datasets.storage.read_bytes`.

    Raises:
        FileNotFoundError: no such file.
        ValueError: an empty file, or one whose size is no whole number of points.
    """
    content = read_bytes(path, 'LiDAR sweep', backend_args)
    if not content:
        raise ValueError(f'{path}: empty: a LiDAR sweep without a single point; fetch the file again')
    if len(content) % (4 * len(LIDAR_FIELDS)):
        raise ValueError(f'{path}: truncated: {len(content)} bytes are no whole number of 5-value points; '
                         'fetch the file again')
    return np.frombuffer(content, '<f4').reshape(-1, len(LIDAR_FIELDS)).astype(np.float32)


def _as_records(fields: np.ndarray | Mapping[str, np.ndarray]) -> np.ndarray:
    """Any accepted form -> (N,) of ``RADAR_DTYPE``, checked."""
    columns = dict(fields) if isinstance(fields, Mapping) else _columns_of(np.asarray(fields))
    unknown = sorted(set(columns) - set(RADAR_FIELDS))
    if unknown or not {'x', 'y'} <= set(columns):
        raise ValueError(f'radar fields must include x and y; unknown: {unknown or "none"}')
    count = len(np.atleast_1d(columns['x']))
    records = np.zeros(count, RADAR_DTYPE)
    for name, dtype in _RADAR_LAYOUT:
        default = np.arange(count) % 32768 if name == 'id' else _RADAR_DEFAULTS.get(name, 0)
        values = np.asarray(columns.get(name, default), np.float64)
        if name in columns and values.shape != (count,):
            raise ValueError(f'radar field {name} must have shape ({count},), got {values.shape}')
        _check_values(name, np.dtype(dtype), values)
        records[name] = values
    return records


def _columns_of(table: np.ndarray) -> dict[str, np.ndarray]:
    if table.ndim != 2 or table.shape[0] != len(RADAR_FIELDS):
        raise ValueError(f'radar points must be (18, N) in the order of RADAR_FIELDS, got {table.shape}')
    return dict(zip(RADAR_FIELDS, table))


def _check_values(name: str, dtype: np.dtype, values: np.ndarray) -> None:
    if not np.isfinite(values).all():
        raise ValueError(f'radar field {name} holds NaN or infinity; an empty sweep is an empty array')
    if dtype.kind == 'i' and values.size:
        limit = np.iinfo(dtype)
        if values.min() < limit.min or values.max() > limit.max:
            raise ValueError(f'radar field {name} must lie in {limit.min}..{limit.max}')


def _empty_sweep() -> np.ndarray:
    point = np.zeros(1, RADAR_DTYPE)
    for name, dtype in _RADAR_LAYOUT:
        if np.dtype(dtype).kind == 'f':
            point[name] = np.nan
    return point


def _radar_header(count: int) -> str:
    kinds = [np.dtype(dtype) for _, dtype in _RADAR_LAYOUT]
    lines = [
        '# .PCD v0.7 - Point Cloud Data file format',
        'VERSION 0.7',
        'FIELDS ' + ' '.join(RADAR_FIELDS),
        'SIZE ' + ' '.join(str(kind.itemsize) for kind in kinds),
        'TYPE ' + ' '.join(kind.kind.upper() for kind in kinds),
        'COUNT ' + ' '.join('1' for _ in kinds),
        f'WIDTH {count}',
        'HEIGHT 1',
        'VIEWPOINT 0 0 0 1 0 0 0',
        f'POINTS {count}',
        'DATA binary',
    ]
    return '\n'.join(lines) + '\n'


def _parse_radar_header(path: str | os.PathLike, header: bytes) -> tuple[np.dtype, int]:
    """Header -> (dtype of a point, number of points on disk)."""
    entries = {}
    for line in header.decode('ascii', 'replace').splitlines():
        key, _, value = line.partition(' ')
        entries[key] = value.split()
    try:
        dtype = np.dtype([(name, _PCD_TYPES[kind, size])
                          for name, kind, size in zip(entries['FIELDS'], entries['TYPE'], entries['SIZE'])])
        count = int(entries['WIDTH'][0])
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(f'{path}: unreadable PCD header ({str(error)[:100]}); fetch the file again') from None
    missing = [name for name in RADAR_FIELDS if name not in (dtype.names or ())]
    if missing or count < 1:
        raise ValueError(f'{path}: not a nuScenes radar file: missing fields {missing}, width {count}')
    return dtype, count
