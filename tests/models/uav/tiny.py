"""Small detectors and batches for tests."""

from __future__ import annotations

from typing import Any

import perception_kd.compat  # noqa: F401  # isort: skip
import torch
from mmdet.structures import DetDataSample
from mmengine.structures import InstanceData
from torch import Tensor

from perception_kd.models.uav import UAVDetector

SIZES = dict(n=(0.33, 0.25), s=(0.33, 0.5), m=(0.67, 0.75))
ANCHORS = [[[10, 13], [16, 30], [33, 23]], [[30, 61], [62, 45], [59, 119]], [[116, 90], [156, 198], [373, 326]]]
ANCHORS_P2 = [[[5, 6], [8, 14], [15, 11]], *ANCHORS]
BACKBONE, NECK = ('bb3', 'bb4', 'bb5'), ('n3', 'n4', 'n5')


def config(size: str = 'n', *, backbone: tuple = BACKBONE, neck: tuple = (), fusion: str = 'concat_skip',
           p2: bool = False, classes: int = 1, dfl: bool = False, anchors: list | None = None, **more: Any) -> dict:
    """Constructor arguments of a detector; the main model by default."""
    depth, width = SIZES.get(size, (0.33, 0.125))
    head = dict(type='perception_kd.DistributionHead') if dfl else dict(
        type='perception_kd.AnchorYOLOHead', anchors=anchors or (ANCHORS_P2 if p2 else ANCHORS))
    return dict(
        backbone=dict(type='perception_kd.CSPDarknetV5', depth=depth, width=width, cbam_at=backbone,
                      levels=(2, 3, 4, 5) if p2 else (3, 4, 5)),
        neck=dict(type='perception_kd.CBiPAFPN', depth=depth, width=width, fusion=fusion, cbam_at=neck, p2=p2),
        head=dict(head, num_classes=classes), **more)


def detector(size: str = 'xs', seed: int = 0, **changes: Any) -> UAVDetector:
    """Built; of half the width of n unless ``size`` says otherwise."""
    torch.manual_seed(seed)
    return UAVDetector(**config(size, **changes))


def sample(boxes: list | Tensor = (), labels: list | None = None, **meta: Any) -> DetDataSample:
    """A data sample with true boxes."""
    boxes = torch.as_tensor(boxes, dtype=torch.float32).reshape(-1, 4)
    made = DetDataSample(metainfo=dict(dict(img_id=1, img_path='frame.jpg', ori_shape=(96, 128), img_shape=(96, 128),
                                            scale_factor=(1.0, 1.0)), **meta))
    made.gt_instances = InstanceData(bboxes=boxes, labels=torch.as_tensor(labels or [0] * len(boxes)).long())
    return made


def pictures(batch: int = 2, height: int = 96, width: int = 128, seed: int = 0) -> Tensor:
    """``(B, 3, H, W)`` as the preprocessor gives them."""
    return torch.rand(batch, 3, height, width, generator=torch.Generator().manual_seed(seed))
