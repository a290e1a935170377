"""LiDAR points of a key frame and of the sweeps before it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from mmcv.transforms import BaseTransform

from perception_kd.datasets.nuscenes.formats import read_lidar_bin
from perception_kd.datasets.nuscenes.infos import LIDAR_CHANNEL
from perception_kd.datasets.nuscenes.poses import inverse, move
from perception_kd.datasets.storage import checked_backend
from perception_kd.datasets.transforms.finite import finite_points
from perception_kd.faults.frame import FrameFaults
from perception_kd.registry import TRANSFORMS

LIDAR_COLUMNS: tuple[str, ...] = ('x', 'y', 'z', 'intensity', 'dt')
"""Columns of ``points``: m, m, m, 0..255, age in s (0 for the key sweep)."""


@TRANSFORMS.register_module()
class LoadLidarSweeps(BaseTransform):
    """Load ``points`` (P, 5) float32, columns ``LIDAR_COLUMNS``, in the LiDAR frame of the key sweep.

    Args:
        sweeps_num: How many earlier sweeps to add, newest first; fewer where the infos have fewer.
        remove_close: Points nearer to the sensor than this in x and in y are hits on the own car (m).
        backend_args: Of a storage backend, see :func:`~perception_kd.datasets.storage.read_bytes`.

    Raises:
        FileNotFoundError, ValueError: a sweep is missing, cut off, empty or without a finite point; the message
            names the file. Single points that are not finite are left out, see ``finite_points``.
    """

    def __init__(self, *, sweeps_num: int = 9, remove_close: float = 1.0,
                 backend_args: Mapping[str, Any] | None = None) -> None:
        self.sweeps_num, self.remove_close = sweeps_num, remove_close
        self.backend_args = checked_backend(backend_args)

    def transform(self, results: dict[str, Any]) -> dict[str, Any]:
        """Reads ``lidar_points``, ``lidar_sweeps`` and ``timestamp``; writes ``points`` (P, 5)."""
        faults = results.get('faults')
        clouds = [self._load(results['lidar_points'], faults)]
        for sweep in results.get('lidar_sweeps', [])[:self.sweeps_num]:
            points = self._load(sweep['lidar_points'], faults)
            points[:, :3] = move(inverse(sweep['lidar_points']['lidar2sensor']), points)
            points[:, 4] = results['timestamp'] - sweep['timestamp']
            clouds.append(points)
        results['points'] = np.concatenate(clouds)
        return results

    def _load(self, source: dict[str, Any], faults: FrameFaults | None) -> np.ndarray:
        if source.get('lost'):
            return np.zeros((0, len(LIDAR_COLUMNS)), np.float32)
        path = source['lidar_path']
        points = finite_points(read_lidar_bin(path, self.backend_args), path, [0, 1, 2, 3])
        if not len(points):
            raise ValueError(f'{path}: all points hold NaN or infinity; fetch the file again')
        if faults is not None:
            points = faults.change('lidar', points, LIDAR_CHANNEL, path, source)
        points[:, 4] = 0.0  # the ring number gives way to the age
        away = np.maximum(np.abs(points[:, 0]), np.abs(points[:, 1])) >= self.remove_close
        return points.compress(away, axis=0)
