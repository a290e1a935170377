"""L1 loss on the part of the targets that is known."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet.models.losses import L1Loss
from mmengine import dist
from torch import Tensor

from perception_kd.registry import MODELS


@MODELS.register_module()
class KnownL1Loss(L1Loss):
    """mmdet's L1 loss, in which a NaN target costs nothing and pulls nowhere.

    mmdet3d's CenterHead weighs unknown targets with 0, but ``0 * NaN`` is NaN in value and gradient.
    """

    def forward(self, pred: Tensor, target: Tensor, *args: object, avg_factor: Tensor | None = None,
                **kwargs: object) -> Tensor:
        """As mmdet's; ``pred`` and ``target`` have the same shape.

        ``avg_factor``, a number of boxes, is averaged over the processes of a job.
        """
        if avg_factor is not None and dist.get_world_size() > 1:
            avg_factor = avg_factor.clone()
            dist.all_reduce(avg_factor, 'mean')
        known = torch.where(target.isnan(), pred.detach(), target)
        return super().forward(pred, known, *args, avg_factor=avg_factor, **kwargs)
