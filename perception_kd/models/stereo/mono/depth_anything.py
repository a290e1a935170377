"""DepthAnythingV2 (Yang et al., NeurIPS 2024): DINOv2 and a DPT head, which take the public weights by their names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.models.stereo.mono.dinov2 import PATCH, DINOv2
from perception_kd.models.stereo.mono.dpt_blocks import FusionBlock
from perception_kd.registry import MODELS

MULTIPLE = 112  # px: of patches of 14, and of the 16 of the matcher's coarser maps
LONGEST = 1344  # px


class Size(NamedTuple):
    """Settings of one of the public sizes.

    Attributes:
        channels, depth, heads: Of the transformer.
        layers: Blocks that the head reads.
        levels: Channels of the head's four levels.
        width: Of the head's fusion.
    """

    channels: int
    depth: int
    heads: int
    layers: tuple[int, int, int, int]
    levels: tuple[int, int, int, int]
    width: int


SIZES = {
    'small': Size(384, 12, 6, (2, 5, 8, 11), (48, 96, 192, 384), 64),
    'base': Size(768, 12, 12, (2, 5, 8, 11), (96, 192, 384, 768), 128),
    'large': Size(1024, 24, 16, (4, 11, 17, 23), (256, 512, 1024, 1024), 256),
}


class DPTHead(nn.Module):
    """Four maps of the transformer, brought to four scales and fused from coarse to fine (Ranftl et al., ICCV 2021).

    Args:
        in_channels: Of the transformer's maps.
        levels: Channels of the four scales.
        width: Of the fusion.
    """

    def __init__(self, *, in_channels: int, levels: Sequence[int], width: int) -> None:
        super().__init__()
        self.projects = nn.ModuleList(nn.Conv2d(in_channels, channels, 1) for channels in levels)
        self.resize_layers = nn.ModuleList([
            nn.ConvTranspose2d(levels[0], levels[0], 4, 4), nn.ConvTranspose2d(levels[1], levels[1], 2, 2),
            nn.Identity(), nn.Conv2d(levels[3], levels[3], 3, 2, 1)])
        self.scratch = nn.Module()
        for number, channels in enumerate(levels, 1):
            setattr(self.scratch, f'layer{number}_rn', nn.Conv2d(channels, width, 3, padding=1, bias=False))
            setattr(self.scratch, f'refinenet{number}', FusionBlock(width))
        self.scratch.output_conv1 = nn.Conv2d(width, width // 2, 3, padding=1)
        self.scratch.output_conv2 = nn.Sequential(nn.Conv2d(width // 2, 32, 3, padding=1), nn.ReLU(),
                                                  nn.Conv2d(32, 1, 1), nn.ReLU())

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Four maps ``(B, in_channels, h, w)`` of patches -> features ``(B, width / 2, 14 h, 14 w)``."""
        scales = [resize(project(x)) for x, project, resize in zip(maps, self.projects, self.resize_layers)]
        scales = [getattr(self.scratch, f'layer{number}_rn')(x) for number, x in enumerate(scales, 1)]
        height, width = scales[0].shape[-2:]
        sizes = [(2 * height, 2 * width), *(tuple(x.shape[-2:]) for x in scales[:3])]
        fused = self.scratch.refinenet4(scales[3], None, sizes[3])
        for number in (3, 2, 1):
            fused = getattr(self.scratch, f'refinenet{number}')(fused, scales[number - 1], sizes[number - 1])
        size = tuple(PATCH * side for side in maps[0].shape[-2:])
        return F.interpolate(self.scratch.output_conv1(fused), size=size, mode='bilinear', align_corners=True)


@MODELS.register_module()
class DepthAnythingV2(BaseModule):
    """Picture -> relative inverse depth, and the features before it, which FoundationStereo is side-tuned beside.

    Parameters are named as in the public files (``depth_anything_v2_vitl.pth``: ``pretrained.*``, ``depth_head.*``),
    which :class:`FrozenPrior` reads strictly with ``prefix=''``. 24.8, 97.5 and 335.3 M parameters.

    Args:
        size: ``small``, ``base`` or ``large``; or settings of one's own.
        longest: Pictures are resized so that no side is longer, px; a multiple of 112.

    Raises:
        ValueError: an unknown size, or another ``longest``.
    """

    def __init__(self, *, size: Literal['small', 'base', 'large'] | Size | dict = 'large',
                 longest: int = LONGEST) -> None:
        super().__init__()
        if isinstance(size, str) and size not in SIZES:
            raise ValueError(f'DepthAnythingV2: size is one of {", ".join(SIZES)}, got {size!r}')
        if longest < MULTIPLE or longest % MULTIPLE:
            raise ValueError(f'DepthAnythingV2: longest is a multiple of {MULTIPLE}, got {longest}')
        settings = SIZES[size] if isinstance(size, str) else Size(**size) if isinstance(size, dict) else size
        self.layers, self.longest, self.out_channels = settings.layers, longest, settings.width // 2
        self.pretrained = DINOv2(channels=settings.channels, depth=settings.depth, heads=settings.heads)
        self.depth_head = DPTHead(in_channels=settings.channels, levels=settings.levels, width=settings.width)

    def features(self, images: Tensor) -> Tensor:
        """The tap ``(B, out_channels, h, w)`` of normalised pictures ``(B, 3, H, W)``, at the size the net sees."""
        size = resized_size(*images.shape[-2:], multiple=MULTIPLE, longest=self.longest)
        if size != tuple(images.shape[-2:]):
            images = F.interpolate(images, size=size, mode='bicubic', align_corners=False)
        return self.depth_head(self.pretrained(images, self.layers))

    def forward(self, images: Tensor) -> Tensor:
        """Relative inverse depth ``(B, 1, H, W)``, not negative: larger is nearer, up to scale and offset."""
        depth = self.depth_head.scratch.output_conv2(self.features(images))
        return F.interpolate(depth, size=images.shape[-2:], mode='bilinear', align_corners=True)


def resized_size(height: int, width: int, *, multiple: int, longest: int) -> tuple[int, int]:
    """Sides of a picture for the transformer: multiples, rounded up, of nearly the same shape.

    Where a rounded side is longer than ``longest`` (itself a multiple), both are scaled until it is not. The rule of
    the released FoundationStereo, whose weights have seen no other sizes.
    """
    height, width = (-(-side // multiple) * multiple for side in (height, width))
    longer = max(height, width)
    if longer <= longest:
        return height, width
    return tuple(-(-side * longest // (longer * multiple)) * multiple for side in (height, width))
