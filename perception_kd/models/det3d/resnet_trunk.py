"""CRN's trunk: the stages of a wide ResNet on the fused BEV map, and mmdet3d's SECONDFPN."""

from __future__ import annotations

from collections.abc import Sequence

import perception_kd.compat  # noqa: F401  # isort: skip
from torch import Tensor

from perception_kd.models.det3d.bev_trunk import TappedTrunk
from perception_kd.registry import MODELS


@MODELS.register_module()
class ResNetBEVTrunk(TappedTrunk):
    """mmdet's ResNet without its max pooling, whose stages and input are brought to the input's size.

    With the defaults, of BEVDepth (Li et al., AAAI 2023) and CRN (Kim et al., ICCV 2023), an input of 128 x 128 cells
    gives stages of 160, 320 and 640 channels at 64, 32 and 16 cells, and a result of 4 x 64 channels at 128.

    Args:
        in_channels: Of the fused map.
        depth: Of the ResNet.
        base_channels: Of the stem; stages of a ResNet-18 or 34 have 1, 2, 4, ... times as many.
        strides: Of each stage, after the stem, which halves the size.
        up_channels: Of each map's contribution to the result.
        cell: Of the fused map in metres, for the names of the stages' taps.
        norm_cfg: mmcv's normalisation config.
        neck_norm_cfg: The same for the neck; None: as ``norm_cfg``.
    """

    def __init__(self, *, in_channels: int, depth: int = 18, base_channels: int = 160,
                 strides: Sequence[int] = (1, 2, 2), up_channels: int = 64, cell: float | None = None,
                 norm_cfg: dict | None = None, neck_norm_cfg: dict | None = None) -> None:
        norm_cfg = dict(norm_cfg or dict(type='BN'))
        resnet = MODELS.build(dict(
            type='mmdet.ResNet', depth=depth, in_channels=in_channels, base_channels=base_channels,
            num_stages=len(strides), strides=tuple(strides), dilations=(1,) * len(strides),
            out_indices=tuple(range(len(strides))), norm_cfg=norm_cfg, norm_eval=False))
        widths = [base_channels * 2 ** index * resnet.block.expansion for index in range(len(strides))]
        factors = [2]
        for stride in strides:
            factors.append(factors[-1] * stride)
        super().__init__(cell=cell, stages=list(zip(factors[1:], widths)))
        del resnet.maxpool
        self.resnet = resnet
        self.neck = MODELS.build(dict(
            type='mmdet3d.SECONDFPN', in_channels=[in_channels, *widths], upsample_strides=[1, *factors[1:]],
            out_channels=[up_channels] * (len(widths) + 1), norm_cfg=dict(neck_norm_cfg or norm_cfg)))
        self.out_channels = up_channels * (len(widths) + 1)
        self.factor = factors[-1]

    def forward(self, x: Tensor) -> Tensor:
        """``(B, in, ny, nx)`` -> ``(B, out_channels, ny, nx)``.

        Raises:
            ValueError: Sizes that the coarsest stage does not divide.
        """
        if x.shape[-2] % self.factor or x.shape[-1] % self.factor:
            raise ValueError(f'ResNetBEVTrunk: a map of {x.shape[-2]}x{x.shape[-1]} cells cannot be divided by '
                             f'{self.factor}; choose another range or cell')
        maps = [x]
        x = self.resnet.relu(self.resnet.norm1(self.resnet.conv1(x)))
        for index, name in enumerate(self.resnet.res_layers):
            x = self._mark(index, getattr(self.resnet, name)(x))
            maps.append(x)
        return self.neck(maps)[0]
