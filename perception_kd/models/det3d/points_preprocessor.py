"""What a point-cloud teacher sees: the LiDAR cloud, with the radar cloud appended if wanted, voxelised."""

from __future__ import annotations

from collections.abc import Sequence

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet3d.models.data_preprocessors import Det3DDataPreprocessor
from torch import Tensor

from perception_kd.registry import MODELS

LIDAR_COLUMNS = ('x', 'y', 'z', 'intensity', 'dt')
RADAR_EXTRA_COLUMNS = ('rcs', 'vx', 'vy', 'is_radar')


@MODELS.register_module()
class PointsPreprocessor(Det3DDataPreprocessor):
    """mmdet3d's hard voxelisation of the points alone; images in the batch are not touched.

    mmdet3d counts the samples of a batch by the last voxel, so an empty last cloud would shrink the batch:
    a sample without a finite point in range gets one zero point in the middle of the range.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        voxel_size: ``[x, y, z]`` m.
        max_points: Points kept per voxel.
        max_voxels: Voxels kept per sample (training, testing); None: as many as there are columns of cells,
            at most 60,000.
        append_radar: Append the radar points: 9 columns (``LIDAR_COLUMNS + RADAR_EXTRA_COLUMNS``; the extra
            ones are 0 for LiDAR points, the intensity is 0 for radar points).
        divisors: One number a column by which its values are divided (but not x, y, z: they place the
            point); None: raw values, as mmdet3d's public checkpoints want them.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], voxel_size: Sequence[float],
                 max_points: int = 20, max_voxels: Sequence[int] | None = None, append_radar: bool = False,
                 divisors: Sequence[float] | None = None) -> None:
        low, high = point_cloud_range[:3], point_cloud_range[3:]
        columns = round((high[0] - low[0]) / voxel_size[0]) * round((high[1] - low[1]) / voxel_size[1])
        layer = dict(max_num_points=max_points, point_cloud_range=list(point_cloud_range),
                     voxel_size=list(voxel_size), max_voxels=tuple(max_voxels or (min(columns, 60000),) * 2))
        super().__init__(voxel=True, voxel_layer=layer)
        self.append_radar = append_radar
        width = len(LIDAR_COLUMNS) + len(RADAR_EXTRA_COLUMNS) * append_radar
        if divisors is not None and (len(divisors) != width or set(divisors[:3]) != {1}):
            raise ValueError(f'PointsPreprocessor: divisors needs {width} numbers, 1 for xyz; got {divisors}')
        scale = None if divisors is None else torch.tensor(divisors, dtype=torch.float32)
        self.register_buffer('divisors', scale, persistent=False)
        self.register_buffer('limits', torch.tensor([low, high], dtype=torch.float32), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """Args: ``data['inputs']`` with ``points``, a list of ``(P, 5)``, and ``radar`` where appended.

        Returns:
            ``inputs``: ``points`` and ``voxels`` (mmdet3d's voxel dict); ``data_samples``.
        """
        inputs = data['inputs']
        needed = ('points', 'radar') if self.append_radar else ('points',)
        missing = [key for key in needed if key not in inputs]
        if missing:
            raise ValueError(f'the teacher needs {missing} in inputs, got {sorted(inputs)}')
        cast = self.cast_data({'inputs': {key: inputs[key] for key in needed},
                               'data_samples': data.get('data_samples')})
        clouds = cast['inputs']['points']
        if self.append_radar:
            clouds = [append_radar(points, radar) for points, radar in zip(clouds, cast['inputs']['radar'])]
        clouds = [self._usable(points.float()) for points in clouds]
        return {'inputs': {'points': clouds, 'voxels': self.voxelize(clouds, cast['data_samples'])},
                'data_samples': cast['data_samples']}

    def _usable(self, points: Tensor) -> Tensor:
        inside = (points[:, :3] >= self.limits[0]) & (points[:, :3] < self.limits[1])
        points = points[inside.all(1) & torch.isfinite(points).all(1)]
        if not len(points):
            points = points.new_zeros(1, points.shape[1])
            points[0, :3] = self.limits.mean(0)
        return points if self.divisors is None else points / self.divisors


def append_radar(points: Tensor, radar: Tensor) -> Tensor:
    """``(P, 5)`` LiDAR and ``(M, 7)`` radar points -> ``(P + M, 9)``, see the module's column names."""
    lidar = torch.cat([points, points.new_zeros(len(points), len(RADAR_EXTRA_COLUMNS))], dim=1)
    radar = radar.to(points.dtype)
    zero, one = radar.new_zeros(len(radar), 1), radar.new_ones(len(radar), 1)
    return torch.cat([lidar, torch.cat([radar[:, :3], zero, radar[:, 6:7], radar[:, 3:6], one], dim=1)])
