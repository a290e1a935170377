"""The frozen monocular prior of a matcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.logging import print_log
from mmengine.model import BaseModule
from torch import Tensor, nn

from perception_kd.distill.weights import load_strictly
from perception_kd.registry import MODELS


@MODELS.register_module()
class FrozenPrior(BaseModule):
    """A monocular net whose tap a matcher reads; its weights never change and are deployed with the matcher.

    The weights are in the matcher's state dict. Their file is read when a training begins, not when a model is built:
    testing and exporting need the matcher's checkpoint alone.

    Args:
        net: Config or module with ``features(images)`` and ``out_channels``, for example :class:`SmallMonoNet` or
            :class:`DepthAnythingV2`.
        checkpoint: File of its weights. None needs ``allow_random=True``.
        prefix: Part of the file that holds the net: ``net.`` of a training of :class:`MonoEstimator`, empty for the
            public weights of DepthAnythingV2.
        exceptions: Patterns of keys that may differ.
        allow_random: Train with the weights that the net was built with.

    Raises:
        ValueError: neither a file nor ``allow_random``, or weights that do not fit, when a training begins.
        FileNotFoundError: no such file, then.
    """

    def __init__(self, *, net: dict | nn.Module, checkpoint: str | Path | None = None, prefix: str = 'net.',
                 exceptions: Sequence[str] = (), allow_random: bool = False) -> None:
        super().__init__()
        self.net = net if isinstance(net, nn.Module) else MODELS.build(net)
        self.checkpoint, self.prefix, self.exceptions = checkpoint, prefix, tuple(exceptions)
        self.allow_random = allow_random
        self.requires_grad_(False).eval()

    @property
    def out_channels(self) -> int:
        """Channels of the prior."""
        return self.net.out_channels

    def init_weights(self) -> None:
        """Read the file, once, as training begins."""
        if self.is_init:
            return
        if self.checkpoint is None and not self.allow_random:
            raise ValueError('FrozenPrior: name the checkpoint of the monocular net, or set allow_random=True to train '
                             'with a random one')
        super().init_weights()
        if self.checkpoint is None:
            return
        self.is_init = False  # until the file is read
        from perception_kd.engine.foreign_checkpoint import load_weights  # the engine imports this package

        who = f'monocular prior {self.checkpoint}'
        report = load_strictly(self.net, load_weights(self.checkpoint, prefix=self.prefix), who=who,
                               exceptions=self.exceptions)
        print_log(f'{who}: {report}', logger='current')
        self.is_init = True

    def train(self, mode: bool = True) -> FrozenPrior:
        """Stays in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Prior ``(B, out_channels, h, w)`` of normalised pictures ``(B, 3, H, W)``; without gradient."""
        return self.net.features(images)
