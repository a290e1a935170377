"""mmdet3d's CenterPoint with pillars, described by a handful of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet3d.models.detectors import CenterPoint

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
        divisors: See ``PointsPreprocessor``.
        max_points: Points kept per pillar.
        pillar_channels: Of the pillar encoder.
        stage_channels, stage_layers, stage_strides: Of the backbone (mmdet3d's SECOND).
        neck_channels: Of each stage's contribution to the neck, which has the first stage's size.
        head: Further settings of ``BEVCenterHead``.
        norm_cfg: Of the 2D convolutions. The default momentum suits runs of a few hundred steps; mmdet3d's
            0.01 does not.
        data_preprocessor, init_cfg: As in mmengine; the preprocessor is derived if None.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], pillar: float, tasks: Sequence[Sequence[str]],
                 append_radar: bool = False, divisors: Sequence[float] | None = None, max_points: int = 20,
                 pillar_channels: int = 64, stage_channels: Sequence[int] = (64, 128, 256),
                 stage_layers: Sequence[int] = (3, 5, 5), stage_strides: Sequence[int] = (2, 2, 2),
                 neck_channels: int = 128, head: dict | None = None, norm_cfg: dict | None = None,
                 data_preprocessor: dict | None = None, init_cfg: dict | None = None) -> None:
        grid = BEVGrid.from_range(point_cloud_range, pillar)
        norm_cfg = dict(norm_cfg or dict(type='BN', eps=1e-3, momentum=0.1))
        voxel = [pillar, pillar, float(point_cloud_range[5]) - float(point_cloud_range[2])]
        place = dict(point_cloud_range=list(point_cloud_range), voxel_size=voxel)
        ups = [1]
        for stride in stage_strides[1:]:
            ups.append(ups[-1] * stride)
        super().__init__(
            data_preprocessor=data_preprocessor or dict(
                type='perception_kd.PointsPreprocessor', append_radar=append_radar, divisors=divisors,
                max_points=max_points, **place),
            pts_voxel_encoder=dict(
                type='perception_kd.CompactPillarFeatureNet', in_channels=9 if append_radar else 5,
                feat_channels=[pillar_channels], legacy=False, norm_cfg={**norm_cfg, 'type': 'BN1d'}
                if norm_cfg['type'].startswith('BN') else dict(type='BN1d'), **place),
            pts_middle_encoder=dict(
                type='mmdet3d.PointPillarsScatter', in_channels=pillar_channels,
                output_shape=list(grid.shape)),
            pts_backbone=dict(
                type='mmdet3d.SECOND', in_channels=pillar_channels, out_channels=list(stage_channels),
                layer_nums=list(stage_layers), layer_strides=list(stage_strides), norm_cfg=norm_cfg),
            pts_neck=dict(
                type='mmdet3d.SECONDFPN', in_channels=list(stage_channels), upsample_strides=ups,
                out_channels=[neck_channels] * len(stage_channels), norm_cfg=norm_cfg,
                use_conv_for_no_stride=True),
            pts_bbox_head=dict(
                {**dict(norm_cfg=norm_cfg), **(head or {})}, type='perception_kd.BEVCenterHead',
                point_cloud_range=list(point_cloud_range), cell=pillar * stage_strides[0], tasks=tasks,
                in_channels=neck_channels * len(stage_channels)),
            init_cfg=init_cfg)
