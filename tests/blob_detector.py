"""A detector whose answers are known: bright rectangles on dark ground, exactly."""

from __future__ import annotations

import perception_kd.compat  # noqa: F401  # isort: skip

import cv2
import numpy as np
import torch
from mmdet.models import DetDataPreprocessor
from mmengine.model import BaseModel
from mmengine.structures import InstanceData
from torch import nn

from perception_kd.models.uav.postprocess import BoxSettings
from perception_kd.registry import MODELS

BRIGHT = 200
CLASSES = ('drone', 'bird')


def painted(height: int, width: int, boxes, labels=None, values=None) -> np.ndarray:
    """(H, W, 3) BGR picture with a bright rectangle a box, xyxy px; label 1 is less bright in blue."""
    image = np.full((height, width, 3), 60, np.uint8)
    for index, (x1, y1, x2, y2) in enumerate(np.asarray(boxes, int).reshape(-1, 4)):
        value = 255 if values is None else values[index]
        image[y1:y2, x1:x2] = (value if labels is None or labels[index] == 0 else 0, value, value)
    return image


@MODELS.register_module()
class BlobDetector(BaseModel):
    """Finds bright rectangles; the score is that of their brightness, the label that of their colour.

    Args:
        limit: px; rectangles with a longer side in the network's input are not seen, as by a net of small reach.
    """

    def __init__(self, limit: int | None = None, score_thr: float = 0.0) -> None:
        super().__init__(DetDataPreprocessor(mean=[0, 0, 0], std=[255] * 3, bgr_to_rgb=True, pad_size_divisor=32))
        self.net, self.limit, self.calls = nn.Conv2d(3, 2, 1), limit, []
        self.test_cfg = BoxSettings(score_thr=score_thr)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        return self.predict(inputs, data_samples) if mode == 'predict' else [dict(classes=self.net(inputs))]

    def predict(self, batch_inputs, batch_data_samples, rescale=True):
        self.calls.append(tuple(batch_inputs.shape))
        for picture, sample in zip(batch_inputs, batch_data_samples):
            sample.pred_instances = self._found(picture, sample.metainfo)
        return batch_data_samples

    def _found(self, picture, known):
        height, width = known['img_shape'][:2]
        rgb = np.rint(picture[:, :height, :width].numpy() * 255).astype(np.uint8)
        rows = []
        for label, mask in enumerate((rgb.min(0) >= BRIGHT, (rgb[:2].min(0) >= BRIGHT) & (rgb[2] < BRIGHT))):
            count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=4)
            for x, y, w, h, _ in stats[1:count]:
                if self.limit is None or max(w, h) <= self.limit:
                    rows.append((x, y, x + w, y + h, rgb[0, y, x] / 255, label))
        found = torch.tensor(rows, dtype=torch.float32).reshape(-1, 6)
        found = found[found[:, 4] > self.test_cfg.score_thr]
        scale = torch.tensor(list(known['scale_factor']) * 2)
        return InstanceData(bboxes=found[:, :4] / scale, scores=found[:, 4], labels=found[:, 5].long())
