"""A model that predicts the truth, to test all that lies around a model."""

import torch
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from perception_kd.registry import MODELS


@MODELS.register_module()
class EchoTruth(BaseModel):
    """Gives every true box back with score ``weight`` (1 unless a checkpoint says otherwise)."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples, mode='predict'):
        for sample in data_samples:
            found = sample.gt_instances_3d.clone()
            found.scores_3d = self.weight.detach().expand(len(found.labels_3d)).clone()
            sample.pred_instances_3d = found
        return data_samples


@MODELS.register_module()
class OneCar(BaseModel):
    """Sees one resting car ahead in every sample, with score ``weight``: needs no truth."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))

    def forward(self, inputs, data_samples, mode='predict'):
        for sample in data_samples:
            boxes = sample.box_type_3d(torch.tensor([[10.0, 0, -1, 4, 2, 1.5, 0, 0, 0]]), box_dim=9)
            sample.pred_instances_3d = InstanceData(
                bboxes_3d=boxes, scores_3d=self.weight.detach()[None], labels_3d=torch.zeros(1, dtype=torch.long))
        return data_samples
