"""The heat map loss with positives counted over all processes of a job."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
from mmdet.models.losses import GaussianFocalLoss
from torch import Tensor

from perception_kd.distill.losses.base import normaliser
from perception_kd.registry import MODELS


@MODELS.register_module()
class SharedFocalLoss(GaussianFocalLoss):
    """mmdet's Gaussian focal loss, divided by ``max(1, positives)`` of the whole batch.

    mmdet3d's CenterHead divides by the positives of each process, so that its gradient depends on how the batch is
    split (CenterPoint's and CRN's code too; mmdet's heads average the count as here).
    """

    def forward(self, pred: Tensor, target: Tensor, *args: object, avg_factor: object = None,
                **kwargs: object) -> Tensor:
        """As mmdet's; ``avg_factor`` is not looked at: a positive is where ``target`` is 1."""
        return super().forward(pred, target, *args, avg_factor=normaliser(target.eq(1).sum()), **kwargs)
