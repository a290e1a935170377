"""A matcher that knows the truth and adds an error, to test all that lies around a matcher."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseModel

from perception_kd.registry import MODELS


@MODELS.register_module()
class OffByWeight(BaseModel):
    """Predicts the true disparity plus ``weight`` px."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Any, data_samples: list, mode: str = 'predict') -> list:
        """As mmengine's."""
        for sample in data_samples:
            sample.pred_disp = sample.gt_disp + self.weight.detach()
        return data_samples
