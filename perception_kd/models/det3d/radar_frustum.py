"""Radar in the cameras' perspective: points to pillars in the plane of picture column and depth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule, bias_init_with_prob
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.models.det3d.frames import CAMERAS, Frame
from perception_kd.models.det3d.radar_strength import check_clouds
from perception_kd.models.layers import DepthBins, PillarFeatureNet, points_in_images
from perception_kd.models.layers.export_forms import rows_where
from perception_kd.registry import MODELS

CELLS = 2  # radar cells per feature column and per depth bin
COLUMNS = 8  # of a point: offset or place (u, depth, 1), rcs, speed, offset to the cell's centre


class RadarFrustum(NamedTuple):
    """What the radar says in each camera's plane of depth and picture column.

    Attributes:
        context: ``(B*N, C, D, W)``.
        occupancy: ``(B*N, 1, D, W)`` probability that something stands there.
    """

    context: Tensor
    occupancy: Tensor


@MODELS.register_module()
class RadarFrustumEncoder(BaseModule):
    """Radar branch of CRN (Kim et al., ICCV 2023): pillars of picture column x depth, SECOND, two heads.

    A point has five values: its column u (pixels from the left border of the picture), its depth (m), 1 in place of
    the row (most radars measure no height), RCS and speed, both normalised. Neither the direction of the velocity
    nor the time is an input. A cell covers half a feature column and half a depth bin. Points behind a camera, out of
    its picture or depth range, or not finite are dropped; there is no limit on points or cells.

    Args:
        depth_bound: ``(start, stop, step)`` m, those of the view transform.
        stride: Pixels of the image per feature pixel, that of the view transform.
        rcs_mean, rcs_std, speed_mean, speed_std: Normalisation; by default over nuScenes (dBsm, m/s), as CRN's.
        rcs_range: Strengths that the physical intensity map calls 0 and 1.
        point_channels: Of the pillar feature net.
        channels, layers: Of SECOND's three stages (strides 1, 2, 2).
        up_channels: Of each level of the neck.
        out_channels: Of the context.
        occupancy_prior: Occupancy before training.
        legacy: Write a point's offset to its cell's centre over its first three values, as mmdet3d's
            PillarFeatureNet does by default (and thereby CRN); else keep both.
        norm_cfg: mmcv's normalisation config of the convolutions.
        point_norm_cfg: The same of the pillar feature net. Default is mmdet3d's batch normalisation, which takes its
            running statistics where a batch holds less than two points; ``LN`` looks at each point alone.
    """

    perspective = True

    def __init__(self, *, depth_bound: Sequence[float], stride: int, rcs_mean: float = 4.783, rcs_std: float = 7.576,
                 rcs_range: Sequence[float] = (-10.0, 40.0), speed_mean: float = 0.677, speed_std: float = 1.976,
                 point_channels: Sequence[int] = (32, 64), channels: Sequence[int] = (64, 128, 256),
                 layers: Sequence[int] = (3, 5, 5), up_channels: int = 128, out_channels: int = 80,
                 occupancy_prior: float = 0.01, legacy: bool = True, norm_cfg: dict,
                 point_norm_cfg: dict | None = None) -> None:
        super().__init__()
        bins = DepthBins(*map(float, depth_bound))
        self.depth_bins, self.stride = bins.count, stride
        self.cells = DepthBins(bins.start, bins.start + bins.count * bins.step, bins.step / CELLS)
        self.rcs_mean, self.rcs_std, self.rcs_range = rcs_mean, rcs_std, tuple(rcs_range)
        self.speed_mean, self.speed_std, self.legacy = speed_mean, speed_std, legacy
        self.out_channels = out_channels
        self.point_net = PillarFeatureNet(
            in_channels=COLUMNS, channels=point_channels,
            norm_cfg=point_norm_cfg or dict(type='BN1d', eps=1e-3, momentum=0.01))
        self.backbone, self.neck = _second(point_channels[-1], channels, layers, up_channels, norm_cfg)
        self.context = _head(3 * up_channels, out_channels, norm_cfg)
        self.occupancy = _head(3 * up_channels, 1, norm_cfg)
        nn.init.constant_(self.occupancy[-1].bias, bias_init_with_prob(occupancy_prior))

    def forward(self, frame: Frame) -> RadarFrustum:
        """Radar of a frame in the perspective of its cameras, independent of where the frame lies in the BEV map."""
        images, width = frame.inputs['cam2img'].shape[:2].numel(), frame.inputs['img'].shape[-1]
        points, image = self._in_pictures(frame)
        size = (CELLS * self.depth_bins, CELLS * -(-width // self.stride))
        cell, offset = self._cells(points, size)
        first = offset if self.legacy else points[:, :3]
        pillars = self.point_net(torch.cat([first, points[:, 3:], offset], dim=1),
                                 image * (size[0] * size[1]) + cell, images * size[0] * size[1])
        canvas = pillars.view(images, *size, -1).permute(0, 3, 1, 2)
        feature = self.neck(self.backbone(_padded(canvas)))[0][..., :size[0] // CELLS, :size[1] // CELLS]
        return RadarFrustum(self.context(feature), self.occupancy(feature).sigmoid())

    def _in_pictures(self, frame: Frame) -> tuple[Tensor, Tensor]:
        """Every point ``(M, 5)`` [u, depth, 1, rcs, speed] in every picture that shows it, and the picture."""
        check_clouds(frame.inputs['radar'])
        height, width = frame.inputs['img'].shape[-2:]
        found = []
        for cloud, *matrices in zip(frame.radar_own(), *(frame.inputs[name] for name in CAMERAS)):
            uvd = points_in_images(cloud[:, :3].float(), **dict(zip(CAMERAS, matrices)))
            left, top = uvd[..., 0] + 0.5, uvd[..., 1] + 0.5  # from the picture's border: pixel centres are integers
            shown = (left >= 0) & (left < width) & (top >= 0) & (top < height) & self.cells.index(uvd[..., 2])[1]
            shown &= torch.isfinite(cloud).all(dim=1)
            rcs = (cloud[:, 3].float() - self.rcs_mean) / self.rcs_std
            speed = (cloud[:, 4:6].float().norm(dim=1) - self.speed_mean) / self.speed_std
            rows = torch.stack([left, uvd[..., 2], torch.ones_like(left), rcs.expand_as(left),
                                speed.expand_as(left)], dim=-1)
            image = torch.arange(len(shown), device=shown.device)[:, None] + len(found) * len(shown)
            found.append(rows_where(shown, rows, image.expand_as(shown), len(frame.inputs['radar']) * len(shown)))
        return torch.cat([rows for rows, _ in found]), torch.cat([image for _, image in found])

    def _cells(self, points: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor]:
        """Cell of each point on a canvas of ``size`` (depth x column) and its offset ``(M, 3)`` to the centre."""
        wide = self.stride / CELLS
        column = torch.floor(points[:, 0] / wide).clamp(max=size[1] - 1)
        row = self.cells.index(points[:, 1])[0]
        offset = torch.stack([points[:, 0] - (column + 0.5) * wide,
                              points[:, 1] - self.cells.centres(points.device)[row],
                              torch.zeros_like(column)], dim=1)
        return row * size[1] + column.long(), offset


def _second(in_channels: int, channels: Sequence[int], layers: Sequence[int], up_channels: int,
            norm_cfg: dict) -> tuple[nn.Module, nn.Module]:
    """mmdet3d's SECOND and its neck; the neck's result has half the canvas' size."""
    backbone = dict(type='mmdet3d.SECOND', in_channels=in_channels, out_channels=list(channels),
                    layer_nums=list(layers), layer_strides=[1, 2, 2], norm_cfg=norm_cfg,
                    conv_cfg=dict(type='Conv2d', bias=True, padding_mode='reflect'))
    neck = dict(type='mmdet3d.SECONDFPN', in_channels=list(channels), out_channels=[up_channels] * 3,
                upsample_strides=[0.5, 1, 2], norm_cfg=norm_cfg, upsample_cfg=dict(type='deconv', bias=False),
                use_conv_for_no_stride=True)
    return MODELS.build(backbone), MODELS.build(neck)


def _head(in_channels: int, out_channels: int, norm_cfg: dict) -> nn.Sequential:
    return nn.Sequential(
        ConvModule(in_channels, in_channels // 2, 3, padding=1, padding_mode='reflect', norm_cfg=norm_cfg),
        nn.Conv2d(in_channels // 2, out_channels, 1))


def _padded(canvas: Tensor) -> Tensor:
    """The canvas with empty cells behind and to the right until three strides and reflection fit."""
    rows, columns = (max(8, -(-count // 4) * 4) for count in canvas.shape[-2:])
    return F.pad(canvas, (0, columns - canvas.shape[-1], 0, rows - canvas.shape[-2]))
