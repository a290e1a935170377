"""Which samples of a batch people have annotated: no boxes because nothing is there, or because nobody looked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import InstanceData


def is_annotated(data_sample: Any) -> bool:
    """What the metainfo ``annotated`` of a sample says; True for one that does not say."""
    return bool((getattr(data_sample, 'metainfo', None) or {}).get('annotated', True))


def annotated_rows(data_samples: Sequence[Any] | None) -> list[int]:
    """Places of the annotated samples in a batch."""
    return [row for row, sample in enumerate(data_samples or ()) if is_annotated(sample)]


def no_image_boxes(data_sample: Any, device: torch.device | str = 'cpu') -> InstanceData:
    """``gt_instances`` without a box, in the sample's own type of boxes."""
    rows = torch.zeros(0, 4, device=device)
    kind = type(data_sample.gt_instances.get('bboxes', rows))
    boxes = rows if issubclass(kind, torch.Tensor) else kind(rows)
    return InstanceData(bboxes=boxes, labels=torch.zeros(0, dtype=torch.long, device=device))


def no_boxes(data_sample: Any, device: torch.device | str = 'cpu') -> InstanceData:
    """``gt_instances_3d`` without a box, in the sample's own type of boxes where it names one."""
    rows = torch.zeros(0, 9, device=device)
    kind = (getattr(data_sample, 'metainfo', None) or {}).get('box_type_3d')
    boxes = rows if kind is None else kind(rows, box_dim=9)
    return InstanceData(bboxes_3d=boxes, labels_3d=torch.zeros(0, dtype=torch.long, device=device))


def emptied(data_sample: Any, device: torch.device | str = 'cpu') -> Any:
    """A new sample with the same metainfo, as if it were annotated and empty."""
    sample = type(data_sample)(metainfo={**data_sample.metainfo, 'annotated': True})
    if 'gt_instances' in data_sample and 'gt_instances_3d' not in data_sample:
        sample.gt_instances = no_image_boxes(data_sample, device)
    else:
        sample.gt_instances_3d = no_boxes(data_sample, device)
    return sample
