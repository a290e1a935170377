"""mmdet3d's CenterPoint with pillars, described by a handful of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet3d.models.detectors import CenterPoint

from perception_kd.models.det3d.centerpoint_parts import bev_parts, points_norm
from perception_kd.registry import MODELS
from perception_kd.structures import BEVGrid


@MODELS.register_module()
class PillarCenterPoint(CenterPoint):
    """A CenterPoint whose nested mmdet3d settings are derived from range, pillar and widths.

    Only the constructor is ours: modules, weights' names, ``loss`` and ``predict`` are mmdet3d's.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m; need not be centred.
        pillar: Side of a pillar in metres.
        tasks: Class names per task, together in label order.
        append_radar: Radar points are appended to the cloud (9 columns instead of 5).
        divisors, max_voxels: See ``PointsPreprocessor``.
        max_points: Points kept per pillar.
        pillar_channels: Of the pillar encoder.
        compact: Encode the points that exist only. False: mmdet3d's encoder, where the padding of half-empty
            pillars takes part in the maximum; weights trained with one do not fit the other.
        encoder: Further settings of the pillar encoder (``legacy``, ``with_distance``, ...).
        stage_channels, stage_layers, stage_strides: Of the backbone (mmdet3d's SECOND).
        neck_channels: Of each stage's contribution to the neck.
        neck_stage: The stage whose size neck and head have.
        head: Further settings of ``BEVCenterHead``.
        norm_cfg: Of the 2D convolutions. The default momentum suits runs of a few hundred steps; mmdet3d's
            0.01 does not.
        data_preprocessor, init_cfg: As in mmengine; the preprocessor is derived if None.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], pillar: float, tasks: Sequence[Sequence[str]],
                 append_radar: bool = False, divisors: Sequence[float] | None = None, max_points: int = 20,
                 max_voxels: Sequence[int] | None = None, pillar_channels: int = 64, compact: bool = True,
                 encoder: dict | None = None, stage_channels: Sequence[int] = (64, 128, 256),
                 stage_layers: Sequence[int] = (3, 5, 5), stage_strides: Sequence[int] = (2, 2, 2),
                 neck_channels: int = 128, neck_stage: int = 0, head: dict | None = None,
                 norm_cfg: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        grid = BEVGrid.from_range(point_cloud_range, pillar)
        norm_cfg = dict(norm_cfg or dict(type='BN', eps=1e-3, momentum=0.1))
        voxel = [pillar, pillar, float(point_cloud_range[5]) - float(point_cloud_range[2])]
        place = dict(point_cloud_range=list(point_cloud_range), voxel_size=voxel)
        super().__init__(
            data_preprocessor=data_preprocessor or dict(
                type='perception_kd.PointsPreprocessor', append_radar=append_radar, divisors=divisors,
                max_points=max_points, max_voxels=max_voxels, **place),
            pts_voxel_encoder=dict(
                {**dict(legacy=False), **(encoder or {})},
                type='perception_kd.CompactPillarFeatureNet' if compact else 'mmdet3d.PillarFeatureNet',
                in_channels=9 if append_radar else 5, feat_channels=[pillar_channels],
                norm_cfg=points_norm(norm_cfg), **place),
            pts_middle_encoder=dict(
                type='mmdet3d.PointPillarsScatter', in_channels=pillar_channels,
                output_shape=list(grid.shape)),
            **bev_parts(
                in_channels=pillar_channels, cell=pillar, point_cloud_range=point_cloud_range, tasks=tasks,
                stage_channels=stage_channels, stage_layers=stage_layers, stage_strides=stage_strides,
                neck_channels=neck_channels, neck_stage=neck_stage, head=head, norm_cfg=norm_cfg),
            init_cfg=init_cfg)
