"""A data set of a COCO file without pictures, and a detector that knows the truth and moves it by ``weight`` px."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from mmdet.structures import DetDataSample
from mmengine.dataset import BaseDataset
from mmengine.model import BaseModel
from mmengine.structures import InstanceData

from perception_kd.registry import DATASETS, MODELS


@DATASETS.register_module()
class BareUAV(BaseDataset):
    """Samples with ``instances`` in their metainfo, as mmdet packs them where asked to."""

    METAINFO = dict(classes=('drone',))

    def load_data_list(self) -> list[dict[str, Any]]:
        """As mmengine's."""
        content = json.loads(Path(self.ann_file).read_bytes())
        found: dict[int, list] = {image['id']: [] for image in content['images']}
        for row in content['annotations']:
            left, top, wide, tall = row['bbox']
            found[row['image_id']].append(dict(bbox=[left, top, left + wide, top + tall],
                                               bbox_label=row['category_id'] - 1, ignore_flag=row['iscrowd']))
        return [dict(img_id=image['id'], img_path=image['file_name'], video_id=image.get('video_id'),
                     instances=found[image['id']]) for image in content['images']]

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Sample without a picture."""
        return dict(inputs=torch.zeros(1), data_samples=DetDataSample(metainfo=self.get_data_info(index)))


@MODELS.register_module()
class Shifted(BaseModel):
    """Predicts each true box, ``weight`` px to the right, with scores that fall from 0.9."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))

    def forward(self, inputs: Any, data_samples: list[DetDataSample], mode: str = 'predict') -> list[DetDataSample]:
        """As mmengine's."""
        for sample in data_samples:
            boxes = torch.tensor([row['bbox'] for row in sample.instances]).reshape(-1, 4)
            shift = self.weight.detach() * torch.tensor([1.0, 0, 1, 0])
            sample.pred_instances = InstanceData(
                bboxes=boxes + shift, scores=0.9 - 0.1 * torch.arange(len(boxes)),
                labels=torch.zeros(len(boxes), dtype=torch.long))
        return data_samples
