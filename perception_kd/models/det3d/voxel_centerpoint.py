"""mmdet3d's CenterPoint with voxels and a sparse 3D encoder, described by a handful of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet3d.models.detectors import CenterPoint

from perception_kd.models.det3d.centerpoint_parts import bev_parts, points_norm
from perception_kd.registry import MODELS

Padding = int | Sequence[int]
ENCODER_CHANNELS = ((16, 16, 32), (32, 32, 64), (64, 64, 128), (128, 128))
ENCODER_PADDINGS = ((0, 0, 1), (0, 0, 1), (0, 0, (0, 1, 1)), (0, 0))


@MODELS.register_module()
class VoxelCenterPoint(CenterPoint):
    """A CenterPoint (Yin et al., CVPR 2021) on a sparse 3D encoder (SECOND, Sensors 2018).

    Only the constructor is ours: modules, weights' names, ``loss`` and ``predict`` are mmdet3d's. The defaults are
    those of its ``centerpoint_voxel01_second_secfpn``; sparse shape and dense channels are derived.

    Args:
        point_cloud_range: ``[x_min, y_min, z_min, x_max, y_max, z_max]`` m.
        tasks: Class names per task, together in label order.
        voxel_size: ``[x, y, z]`` m, x and y equal.
        append_radar: Radar points are appended to the cloud (9 columns instead of 5).
        divisors, max_voxels: See ``PointsPreprocessor``.
        max_points: Points kept per voxel; their mean is the voxel's feature.
        base_channels: Of the encoder's first layer.
        encoder_channels, encoder_paddings: Of every stage of mmdet3d's SparseEncoder with residual blocks. Every
            stage but the last halves the size with its last layer, which has the padding listed there.
        encoder_out: Channels of the encoder's last layer; the dense map stacks those of all its heights.
        stage_channels, stage_layers, stage_strides, neck_channels, neck_stage, head, norm_cfg: As in
            ``PillarCenterPoint``.
        data_preprocessor, init_cfg: As in mmengine; the preprocessor is derived if None.

    Raises:
        ValueError: Range, voxels and encoder do not fit each other.
    """

    def __init__(self, *, point_cloud_range: Sequence[float], tasks: Sequence[Sequence[str]],
                 voxel_size: Sequence[float] = (0.1, 0.1, 0.2), append_radar: bool = False,
                 divisors: Sequence[float] | None = None, max_points: int = 10,
                 max_voxels: Sequence[int] = (90000, 120000), base_channels: int = 16,
                 encoder_channels: Sequence[Sequence[int]] = ENCODER_CHANNELS,
                 encoder_paddings: Sequence[Sequence[Padding]] = ENCODER_PADDINGS, encoder_out: int = 128,
                 stage_channels: Sequence[int] = (128, 256), stage_layers: Sequence[int] = (5, 5),
                 stage_strides: Sequence[int] = (1, 2), neck_channels: int = 256, neck_stage: int = 0,
                 head: dict | None = None, norm_cfg: dict | None = None, data_preprocessor: dict | None = None,
                 init_cfg: dict | None = None) -> None:
        norm_cfg = dict(norm_cfg or dict(type='BN', eps=1e-3, momentum=0.1))
        _check_widths(base_channels, encoder_channels)
        shape = sparse_shape(point_cloud_range, voxel_size, 2 ** (len(encoder_channels) - 1))
        width = 9 if append_radar else 5
        super().__init__(
            data_preprocessor=data_preprocessor or dict(
                type='perception_kd.PointsPreprocessor', append_radar=append_radar, divisors=divisors,
                max_points=max_points, max_voxels=max_voxels, point_cloud_range=list(point_cloud_range),
                voxel_size=list(voxel_size)),
            pts_voxel_encoder=dict(type='mmdet3d.HardSimpleVFE', num_features=width),
            pts_middle_encoder=dict(
                type='mmdet3d.SparseEncoder', in_channels=width, sparse_shape=shape, base_channels=base_channels,
                output_channels=encoder_out, order=('conv', 'norm', 'act'), encoder_channels=encoder_channels,
                encoder_paddings=encoder_paddings, block_type='basicblock', norm_cfg=points_norm(norm_cfg)),
            **bev_parts(
                in_channels=encoder_out * encoder_heights(shape[0], encoder_paddings),
                cell=voxel_size[0] * 2 ** (len(encoder_channels) - 1), point_cloud_range=point_cloud_range,
                tasks=tasks, stage_channels=stage_channels, stage_layers=stage_layers,
                stage_strides=stage_strides, neck_channels=neck_channels, neck_stage=neck_stage, head=head,
                norm_cfg=norm_cfg),
            init_cfg=init_cfg)


def sparse_shape(point_cloud_range: Sequence[float], voxel_size: Sequence[float], factor: int) -> list[int]:
    """Cells ``[z + 1, y, x]`` of the encoder's input (one empty layer on top, as mmdet3d has it).

    Raises:
        ValueError: The range is no whole number of voxels, x and y of a voxel differ, or the encoder cannot divide
            the cells in the plane by ``factor``.
    """
    if len(voxel_size) != 3 or len(point_cloud_range) != 6:
        raise ValueError(f'voxel_size needs 3 numbers and point_cloud_range 6, got {list(voxel_size)} and '
                         f'{list(point_cloud_range)}')
    if voxel_size[0] != voxel_size[1]:
        raise ValueError(f'voxels must be square in the plane, got {list(voxel_size)}')
    cells = [(high - low) / size for low, high, size in zip(
        point_cloud_range[:3], point_cloud_range[3:], voxel_size)]
    whole = [round(number) for number in cells]
    if any(abs(number - near) > 1e-4 for number, near in zip(cells, whole)) or any(n % factor for n in whole[:2]):
        raise ValueError(f'point_cloud_range {list(point_cloud_range)} must hold a whole number of voxels '
                         f'{list(voxel_size)}, in the plane a multiple of {factor}')
    return [whole[2] + 1, whole[1], whole[0]]


def encoder_heights(cells: int, paddings: Sequence[Sequence[Padding]]) -> int:
    """Heights that are left of ``cells`` after SparseEncoder: kernel 3, stride 2, per stage and at the end.

    Raises:
        ValueError: None is left.
    """
    left = cells
    for padding in [*(stage[-1] for stage in paddings[:-1]), 0]:
        left = (left + 2 * (padding if isinstance(padding, int) else padding[0]) - 3) // 2 + 1
    if left < 1:
        raise ValueError(f'the encoder has {len(paddings)} stages, too many for {cells} cells of height')
    return left


def _check_widths(width: int, channels: Sequence[Sequence[int]]) -> None:
    for number, stage in enumerate(channels, 1):
        last = number == len(channels)
        for block in stage if last else stage[:-1]:
            if block != width:
                raise ValueError(f'encoder_channels: a residual block of stage {number} keeps {width} channels, got '
                                 f'{block}; only the last layer of a stage, which halves the size, may change them')
        width = stage[-1]
