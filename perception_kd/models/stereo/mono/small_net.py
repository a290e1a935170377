"""A small monocular net of our own: any four-scale backbone, and DPT's decoder at a quarter of the size."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.stereo.mono.dpt_blocks import FusionBlock
from perception_kd.registry import MODELS


@MODELS.register_module()
class SmallMonoNet(BaseModule):
    """Picture -> relative inverse depth, with a map of features (the tap) that a matcher reads.

    Trained from scratch on synthetic pictures it takes the place of a foundation model's depth net
    (FoundationStereo, Wen et al., CVPR 2025, side-tunes DepthAnythingV2). A vector of the whole picture is added to
    the coarsest map: what is near and what is far is a question of the scene, not of a patch.

    Args:
        backbone: Config or module: pictures to a list of maps of 1/4, 1/8, 1/16, 1/32 of the size, with
            ``out_channels``.
        width: Channels of the decoder.
        tap_channels: Channels of the tap.
        tap_stride: 4, or 8: the finest level is left out, which halves the time.
        init_cfg: As in mmengine.

    Raises:
        ValueError: Another stride, or a backbone of other than four scales.
    """

    def __init__(self, *, backbone: dict | nn.Module, width: int = 32, tap_channels: int = 32, tap_stride: int = 4,
                 init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg=init_cfg)
        if tap_stride not in (4, 8):
            raise ValueError(f'SmallMonoNet: tap_stride is 4 or 8, got {tap_stride}')
        self.backbone = backbone if isinstance(backbone, nn.Module) else MODELS.build(backbone)
        widths: Sequence[int] = self.backbone.out_channels
        if len(widths) != 4:
            raise ValueError(f'SmallMonoNet: the backbone gives maps of 1/4, 1/8, 1/16 and 1/32, got {len(widths)}')
        self.first, self.tap_channels = (0 if tap_stride == 4 else 1), tap_channels
        self.reduce = nn.ModuleList(nn.Conv2d(channels, width, 3, padding=1, bias=False)
                                    for channels in widths[self.first:])
        self.whole = nn.Sequential(nn.Linear(widths[-1], width), nn.ReLU(), nn.Linear(width, width))
        self.fuse = nn.ModuleList(FusionBlock(width, merges=place > 0) for place in range(len(self.reduce)))
        self.tap_conv = nn.Conv2d(width, tap_channels, 3, padding=1)
        self.depth_conv = nn.Sequential(nn.ReLU(), nn.Conv2d(tap_channels, 16, 3, padding=1), nn.ReLU(),
                                        nn.Conv2d(16, 1, 1))

    @property
    def out_channels(self) -> int:
        """Channels of the tap."""
        return self.tap_channels

    def features(self, images: Tensor) -> Tensor:
        """The tap ``(B, out_channels, H/stride, W/stride)`` of normalised pictures ``(B, 3, H, W)``."""
        levels = self.backbone(images)[self.first:]
        whole = self.whole(levels[-1].mean((2, 3)))[..., None, None]
        *finer, coarsest = (reduce(level) for reduce, level in zip(self.reduce, levels))
        own, fused = None, coarsest + whole
        for block in self.fuse:
            following = finer.pop() if finer else None
            fused = block(fused, own, None if following is None else following.shape[-2:])
            own = following
        return self.tap_conv(fused)

    def forward(self, images: Tensor) -> Tensor:
        """Relative inverse depth ``(B, 1, H, W)``: larger is nearer, up to a factor and an offset of each picture."""
        coarse = self.depth_conv(self.features(images))
        return F.interpolate(coarse, size=images.shape[-2:], mode='bilinear', align_corners=False)
