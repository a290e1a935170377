"""Depth distribution and context of every feature pixel, and the loss that teaches the depth."""

from __future__ import annotations

from typing import Literal

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from perception_kd.distill.losses.base import normaliser
from perception_kd.models.det3d.camera_gate import CameraGate
from perception_kd.models.det3d.frames import Frame
from perception_kd.models.layers import DepthBins, ResidualBlock, conv
from perception_kd.registry import MODELS


@MODELS.register_module()
class DepthNet(BaseModule):
    """Two small branches on the image feature (after BEVDepth, Li et al., AAAI 2023).

    CRN's has mid_channels 256, context_channels 80, depth_blocks 3, context_convs 1.

    Args:
        in_channels: Of the image feature.
        mid_channels: Inside.
        context_channels: Of the context that is lifted.
        depth_bins: Number of depth bins D.
        depth_blocks: Residual blocks of the depth branch.
        context_convs: 3x3 convolutions of the context branch before its projection.
        camera_aware: Gate the channels of both branches by the camera (see ``CameraGate``).
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: int, mid_channels: int, context_channels: int, depth_bins: int,
                 depth_blocks: int = 1, context_convs: int = 0, camera_aware: bool = False, norm_cfg: dict) -> None:
        super().__init__()
        self.reduce = conv(in_channels, mid_channels, norm_cfg=norm_cfg)
        context = nn.Conv2d(mid_channels, context_channels, 1)
        if context_convs:
            before = (conv(mid_channels, mid_channels, norm_cfg=norm_cfg) for _ in range(context_convs))
            context = nn.Sequential(*before, context)
        self.context = context
        self.depth = nn.Sequential(
            *(ResidualBlock(in_channels=mid_channels, out_channels=mid_channels, norm_cfg=norm_cfg)
              for _ in range(depth_blocks)),
            nn.Conv2d(mid_channels, depth_bins, 1))
        self.gate = CameraGate(channels=mid_channels) if camera_aware else None

    def forward(self, feature: Tensor, frame: Frame | None = None) -> tuple[Tensor, Tensor]:
        """``(B*N, in, H, W)`` -> depth logits ``(B*N, D, H, W)``, context ``(B*N, C, H, W)``.

        The frame is asked for by ``camera_aware`` only.
        """
        x = self.reduce(feature)
        if self.gate is None:
            return self.depth(x), self.context(x)
        if frame is None:
            raise ValueError('DepthNet(camera_aware=True) needs the frame that the feature comes from')
        for_depth, for_context = self.gate(frame)
        return self.depth(x * for_depth), self.context(x * for_context)


@MODELS.register_module()
class DepthLoss(BaseModule):
    """Classification loss of the depth bins where the LiDAR gives a depth; an fp32 island.

    Args:
        kind: ``bce`` on the softmax' probabilities against a one-hot target (BEVDepth) or ``ce``.
        loss_weight: Factor.
    """

    def __init__(self, *, kind: Literal['bce', 'ce'] = 'bce', loss_weight: float = 3.0) -> None:
        super().__init__()
        if kind not in ('bce', 'ce'):
            raise ValueError(f"DepthLoss: kind is 'bce' or 'ce', got {kind!r}")
        self.kind, self.loss_weight = kind, loss_weight

    def forward(self, logits: Tensor, target: Tensor, bins: DepthBins) -> Tensor:
        """Mean over pixels with a depth in some bin, of all processes of a job (0 with gradient where there is none).

        Args:
            logits: ``(B*N, D, H, W)``.
            target: ``(B, N, H, W)`` or ``(B*N, H, W)`` metres, 0 = none.
            bins: The bins of the logits.
        """
        target = target.reshape(-1, *target.shape[-2:])
        if target.shape != (logits.shape[0], *logits.shape[2:]):
            raise ValueError(f'depth_target {tuple(target.shape)} does not fit depth logits '
                             f'{tuple(logits.shape)}: set its stride to that of the image feature')
        index, known = bins.index(target)
        with torch.autocast(device_type=logits.device.type, enabled=False):
            chosen = logits.float().permute(0, 2, 3, 1)[known]
            log_p = F.log_softmax(chosen, dim=-1)
            wanted = index[known]
            loss = F.nll_loss(log_p, wanted, reduction='sum') if self.kind == 'ce' else _bce(log_p, wanted)
            return self.loss_weight * loss / normaliser(known.sum())


def _bce(log_p: Tensor, wanted: Tensor) -> Tensor:
    one_hot = F.one_hot(wanted, log_p.shape[-1]).to(log_p.dtype)
    log_rest = torch.log1p(-log_p.exp().clamp(max=1 - 1e-6))
    return -(one_hot * log_p + (1 - one_hot) * log_rest).sum()
