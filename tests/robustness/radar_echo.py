"""A model that finds exactly the true boxes that the radar sees, to test all that lies around a model."""

import time

import torch
from mmengine.model import BaseModel

from perception_kd.registry import MODELS


@MODELS.register_module()
class RadarEcho(BaseModel):
    """Gives back the true boxes with a radar point within ``reach`` metres, with score ``weight``."""

    def __init__(self, reach: float = 1.0, seconds: float = 0.0) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(()))
        self.reach, self.seconds = reach, seconds

    def forward(self, inputs, data_samples, mode='predict'):
        time.sleep(self.seconds)
        for radar, sample in zip(inputs['radar'], data_samples):
            truth = sample.gt_instances_3d
            distance = torch.cdist(truth.bboxes_3d.tensor[:, :2], radar[:, :2])
            found = truth[(distance < self.reach).any(dim=1)]
            found.scores_3d = self.weight.detach().expand(len(found.labels_3d)).clone()
            sample.pred_instances_3d = found
        return data_samples
