"""Losses of relative inverse depth, which has no scale and no zero of its own."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from perception_kd.registry import MODELS

EPS = 1e-6
LEAST_CORRELATION = 0.1  # least squares alone would take an inverted depth map for a perfect one


def align(prediction: Tensor, target: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Prediction brought to the target's scale and offset, and the target, both in units of the target's spread.

    The factor s and offset t of each picture solve ``min sum (s m + t - d)^2`` over its valid pixels; s is kept
    positive, as for a correlation of at least 0.1.

    Args:
        prediction: ``(B, H, W)``, relative inverse depth m.
        target: ``(B, H, W)``, disparity d; of any value where it is not valid.
        valid: ``(B, H, W)`` bool.

    Returns:
        ``(s m + t - mean d) / std d`` and ``(d - mean d) / std d``, at least float32; 0 where not valid.
    """
    count = valid.sum((1, 2), keepdim=True).clamp(min=1)

    def centred(values: Tensor) -> tuple[Tensor, Tensor]:
        values = torch.where(valid, values.to(torch.promote_types(values.dtype, torch.float32)), 0)
        values = (values - values.sum((1, 2), keepdim=True) / count) * valid
        return values, (values.square().sum((1, 2), keepdim=True) / count + EPS).sqrt()

    (m, spread_m), (d, spread_d) = centred(prediction), centred(target)
    m, d = m / spread_m, d / spread_d
    correlation = (m * d).sum((1, 2), keepdim=True) / count
    return m * correlation.clamp(min=LEAST_CORRELATION), d


def multi_scale_gradient(residual: Tensor, valid: Tensor, scales: int) -> Tensor:
    """Mean absolute difference of neighbours of ``(B, H, W)`` over 1, 2, 4, ... pixels, summed over the scales.

    Li and Snavely (CVPR 2018) and MiDaS (Ranftl et al., TPAMI 2022): edges of the prediction lie where those of the
    truth do. A difference counts where both pixels are valid.
    """
    total = residual.sum() * 0
    for scale in range(scales):
        step = residual[:, ::2 ** scale, ::2 ** scale]
        known = valid[:, ::2 ** scale, ::2 ** scale]
        for axis in (1, 2):
            length = step.shape[axis] - 1
            both = known.narrow(axis, 0, length) & known.narrow(axis, 1, length)
            total = total + ((step.diff(dim=axis)).abs() * both).sum() / both.sum().clamp(min=1)
    return total


@MODELS.register_module()
class ScaleShiftLoss(nn.Module):
    """Scale- and shift-invariant loss: ``mean rho(s m + t - d*)`` and a multi-scale gradient term.

    rho is the smooth L1 function of the residual in units of the spread of the picture's disparity, so that pictures
    of any range weigh the same.

    Args:
        beta: Where rho goes from square to straight, in spreads.
        gradient_weight: Of the gradient term.
        scales: Of the gradient term: differences over 1, 2, ... ``2^(scales-1)`` pixels.

    Raises:
        ValueError: A negative setting.
    """

    def __init__(self, *, beta: float = 0.1, gradient_weight: float = 0.5, scales: int = 4) -> None:
        super().__init__()
        if beta <= 0 or gradient_weight < 0 or scales < 1:
            raise ValueError(f'ScaleShiftLoss: beta > 0, gradient_weight >= 0 and scales >= 1, got {beta}, '
                             f'{gradient_weight} and {scales}')
        self.beta, self.gradient_weight, self.scales = beta, gradient_weight, scales

    def forward(self, prediction: Tensor, target: Tensor, valid: Tensor) -> dict[str, Tensor]:
        """``loss_depth`` and ``loss_gradient`` of maps ``(B, H, W)``; 0 with a gradient of 0 where nothing is valid.

        Args:
            prediction: Relative inverse depth.
            target: Disparity px (or inverse depth of any unit).
            valid: bool, where the target holds.
        """
        aligned, truth = align(prediction, target, valid)
        pixels = F.smooth_l1_loss(aligned, truth, beta=self.beta, reduction='none').sum((1, 2))
        counts = valid.sum((1, 2))
        depth = (pixels / counts.clamp(min=1)).sum() / (counts > 0).sum().clamp(min=1)
        gradient = multi_scale_gradient(aligned - truth, valid, self.scales)
        return dict(loss_depth=depth, loss_gradient=self.gradient_weight * gradient)
