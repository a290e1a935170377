"""Loss on the sequence of disparities that a recurrent matcher makes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.registry import MODELS

SCALE = 4
ADJUSTED_LENGTH = 15  # RAFT-Stereo: a sequence of any length is weighted as one of 16 steps


@MODELS.register_module()
class StereoSequenceLoss(nn.Module):
    """Smooth L1 of the initial disparity plus L1 of every refined one, later ones counting more.

    ``L = w smoothL1(d_0, gt_4 / 4) + sum_k gamma^(K-k) |d_k - gt|`` (FoundationStereo; RAFT), means over valid pixels;
    ``gt_4`` is every fourth pixel.

    Args:
        gamma: Weight of a step relative to the one after it.
        adjusted: Use ``gamma^(15 / (K - 1))``, so that the first of K steps always has the weight ``gamma^15``
            (RAFT-Stereo).
        init_weight: w; 0 leaves the initial disparity out.
    """

    def __init__(self, *, gamma: float = 0.9, adjusted: bool = True, init_weight: float = 1.0) -> None:
        super().__init__()
        if not 0 < gamma <= 1:
            raise ValueError(f'gamma lies in (0, 1], got {gamma}')
        self.gamma, self.adjusted, self.init_weight = gamma, adjusted, init_weight

    def weights(self, count: int) -> list[float]:
        """Of ``count`` steps, first to last; the last is 1."""
        gamma = self.gamma
        if self.adjusted and count > 1:
            gamma = gamma ** (ADJUSTED_LENGTH / (count - 1))
        return [gamma ** (count - 1 - step) for step in range(count)]

    def forward(self, initial: Tensor, refined: Sequence[Tensor], truth: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """Losses ``loss_initial`` and ``loss_disparity``; 0 with gradient 0 where no pixel is valid.

        Args:
            initial: ``(B, 1, H/4, W/4)``, quarter-size px.
            refined: K maps ``(B, 1, H, W)``, px.
            truth: ``(B, 1, H, W)`` px; what is not finite counts as invalid.
            valid: ``(B, 1, H, W)`` bool.

        Raises:
            ValueError: no refined map, or sizes that do not fit.
        """
        if not refined or refined[-1].shape != truth.shape or valid.shape != truth.shape:
            raise ValueError(f'{len(refined)} refined maps {[tuple(part.shape) for part in refined[-1:]]}, truth '
                             f'{tuple(truth.shape)}, valid {tuple(valid.shape)}: one or more maps of the truth\'s size')
        valid = valid & truth.isfinite()
        steps = [weight * _mean(functional.l1_loss, step, truth, valid)
                 for weight, step in zip(self.weights(len(refined)), refined)]
        first = initial_loss(initial, truth, valid)
        return dict(loss_initial=self.init_weight * first, loss_disparity=torch.stack(steps).sum())


def initial_loss(initial: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Smooth L1 of the disparity before refinement against every fourth true pixel; 0 where none is valid.

    Args:
        initial: ``(B, 1, H/4, W/4)``, quarter-size px.
        truth: ``(B, 1, H, W)`` px; what is not finite counts as invalid.
        valid: ``(B, 1, H, W)`` bool.
    """
    coarse, coarse_valid = (part[..., ::SCALE, ::SCALE] for part in (truth, valid & truth.isfinite()))
    return _mean(functional.smooth_l1_loss, initial, coarse / SCALE, coarse_valid)


def _mean(loss: Callable[..., Tensor], disparity: Tensor, truth: Tensor, valid: Tensor) -> Tensor:
    """Mean of a loss over valid pixels, 0 where there is none."""
    disparity = disparity.float()
    truth = torch.where(valid, truth, disparity.detach())
    return loss(disparity, truth, reduction='sum') / valid.sum().clamp(min=1)
