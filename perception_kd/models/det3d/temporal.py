"""Key frames of the last seconds merged into one BEV map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor

from perception_kd.models.layers import conv
from perception_kd.registry import MODELS


@MODELS.register_module()
class TemporalFuser(BaseModule):
    """Concatenate the fused maps of the key frame and of the past ones, and convolve (as CRN, Kim et al., ICCV 2023).

    The maps have to lie in one frame already: past frames are pooled into the key frame's grid. What moves by itself
    is not followed.

    Args:
        in_channels: Of one fused map.
        frames: Number of maps, the key frame included.
        out_channels: Of the merged map; None: as ``in_channels``.
        norm_cfg: mmcv's normalisation config.
    """

    def __init__(self, *, in_channels: int, frames: int = 4, out_channels: int | None = None, norm_cfg: dict) -> None:
        super().__init__()
        if frames < 2:
            raise ValueError(f'TemporalFuser merges two frames or more, got frames={frames}')
        self.frames, self.out_channels = frames, out_channels or in_channels
        self.merge = conv(frames * in_channels, self.out_channels, norm_cfg=norm_cfg)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Maps ``(B, C, ny, nx)``, the key frame's first, then from new to old -> ``(B, out, ny, nx)``.

        Raises:
            ValueError: Not as many maps as frames.
        """
        if len(maps) != self.frames:
            raise ValueError(f'the student merges {self.frames} frames, the batch has {len(maps)}: set past_frames of '
                             f'the data set to {self.frames - 1} numbers (to predict frame by frame: streaming of the '
                             'student)')
        return self.merge(torch.cat(list(maps), dim=1))
