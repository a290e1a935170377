"""What pillar and voxel CenterPoints share: the settings of mmdet3d's SECOND, SECONDFPN and of the head."""

from __future__ import annotations

from collections.abc import Sequence


def bev_parts(*, in_channels: int, cell: float, point_cloud_range: Sequence[float], tasks: Sequence[Sequence[str]],
              stage_channels: Sequence[int], stage_layers: Sequence[int], stage_strides: Sequence[int],
              neck_channels: int, neck_stage: int, head: dict | None, norm_cfg: dict) -> dict[str, dict]:
    """Configs of ``pts_backbone``, ``pts_neck`` and ``pts_bbox_head`` from a handful of numbers.

    Args:
        in_channels: Of the dense map.
        cell: Of the dense map, in metres.
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        tasks: Class names per task, together in label order.
        stage_channels, stage_layers, stage_strides: Of the backbone.
        neck_channels: Of each stage's contribution to the neck.
        neck_stage: The stage whose size neck and head have.
        head: Further settings of ``BEVCenterHead``.
        norm_cfg: Of the 2D convolutions.

    Raises:
        ValueError: No such stage.
    """
    if not 0 <= neck_stage < len(stage_channels):
        raise ValueError(f'neck_stage must be 0 to {len(stage_channels) - 1}, got {neck_stage}')
    totals = []
    for stride in stage_strides:
        totals.append(stride * (totals[-1] if totals else 1))
    ups = [total / totals[neck_stage] for total in totals]  # below 1: a strided convolution
    return dict(
        pts_backbone=dict(
            type='mmdet3d.SECOND', in_channels=in_channels, out_channels=list(stage_channels),
            layer_nums=list(stage_layers), layer_strides=list(stage_strides), norm_cfg=norm_cfg),
        pts_neck=dict(
            type='mmdet3d.SECONDFPN', in_channels=list(stage_channels),
            upsample_strides=[int(up) if up >= 1 else up for up in ups],
            out_channels=[neck_channels] * len(stage_channels), norm_cfg=norm_cfg, use_conv_for_no_stride=True),
        pts_bbox_head=dict(
            {**dict(norm_cfg=norm_cfg), **(head or {})}, type='perception_kd.BEVCenterHead',
            point_cloud_range=list(point_cloud_range), cell=cell * totals[neck_stage], tasks=tasks,
            in_channels=neck_channels * len(stage_channels)))


def points_norm(norm_cfg: dict) -> dict:
    """The same normalisation for rows of features; batch normalisation where 2D maps have another kind."""
    return {**norm_cfg, 'type': 'BN1d'} if norm_cfg['type'].startswith('BN') else dict(type='BN1d')
