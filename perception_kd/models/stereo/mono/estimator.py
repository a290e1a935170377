"""Training of a monocular net on the left pictures of stereo pairs."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel
from torch import nn

from perception_kd.models.stereo.preprocessor import Padding
from perception_kd.registry import MODELS


@MODELS.register_module()
class MonoEstimator(BaseModel):
    """A monocular net with its loss: relative inverse depth of the left picture against its dense disparity.

    Disparity is inverse depth times focal length and baseline, which the loss leaves open. A checkpoint holds
    ``net.*``, which :class:`FrozenPrior` reads.

    Args:
        net: Config or module: pictures ``(B, 3, H, W)`` -> relative inverse depth ``(B, 1, H, W)``.
        loss: Config or module, see :class:`ScaleShiftLoss`.
        data_preprocessor, init_cfg: As in mmengine.
    """

    def __init__(self, *, net: dict | nn.Module, loss: dict | nn.Module | None = None,
                 data_preprocessor: dict | nn.Module | None = None, init_cfg: dict | None = None) -> None:
        super().__init__(data_preprocessor=data_preprocessor or dict(type='perception_kd.StereoPreprocessor'),
                         init_cfg=init_cfg)
        self.net = net if isinstance(net, nn.Module) else MODELS.build(net)
        loss = loss or dict(type='perception_kd.ScaleShiftLoss')
        self.depth_loss = loss if isinstance(loss, nn.Module) else MODELS.build(loss)

    def forward(self, inputs: dict, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """``tensor``: ``(B, 1, H, W)`` of the padded pictures; ``loss``: the losses; ``predict``: the samples with
        ``pred_inverse_depth`` ``(H, W)`` of the picture.

        Raises:
            ValueError: A sample without truth in mode ``loss``.
        """
        depth = self.net(inputs['left'])
        if mode == 'tensor':
            return depth
        maps = [Padding(*sample.pad).remove(single) for single, sample in zip(depth[:, 0], data_samples, strict=True)]
        if mode == 'loss':
            truth, valid = zip(*(sample.known for sample in data_samples))
            truth, valid = (torch.stack(list(parts)).to(depth.device) for parts in (truth, valid))
            return self.depth_loss(torch.stack(maps), truth, valid)
        for single, sample in zip(maps, data_samples):
            sample.pred_inverse_depth = single.float()
        return data_samples
