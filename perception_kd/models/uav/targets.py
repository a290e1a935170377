"""True boxes of a batch, checked, in one tensor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor


class Targets(NamedTuple):
    """Boxes of a batch.

    Attributes:
        image: ``(N,)`` int64, place in the batch.
        labels: ``(N,)`` int64.
        boxes: ``(N, 4)`` float32 x1 y1 x2 y2, px of the network input, with area and with their centre inside.
        ignored_image, ignored: The same of boxes that are neither targets nor background; None: there are none.
    """

    image: Tensor
    labels: Tensor
    boxes: Tensor
    ignored_image: Tensor | None = None
    ignored: Tensor | None = None


def targets_of(data_samples: Sequence[Any], *, size: tuple[int, int], classes: int,
               device: torch.device | str = 'cpu') -> Targets:
    """``gt_instances`` of a batch; boxes without area, or whose centre is outside of the picture, are left out.

    Args:
        data_samples: With ``gt_instances``: ``bboxes`` ``(N, 4)``, a tensor or mmdet's ``HorizontalBoxes``; ``labels``;
            and perhaps ``ignored_instances``, of which the boxes count.
        size: Height and width of the network input, px.
        classes: How many there are.
        device: Of the result.

    Raises:
        ValueError: naming the sample, whose boxes are not finite or whose labels are none of the classes.
    """
    rows, labels, boxes = [], [], []
    for row, sample in enumerate(data_samples):
        truth = sample.gt_instances
        own = getattr(truth.bboxes, 'tensor', truth.bboxes).to(device).float().reshape(-1, 4)
        rows.append(torch.full((len(own),), row, dtype=torch.long, device=device))
        labels.append(truth.labels.to(device).long())
        boxes.append(own)
    if not rows:
        return Targets(*(torch.zeros(shape, dtype=kind, device=device)
                         for shape, kind in ((0, torch.long), (0, torch.long), ((0, 4), torch.float32))))
    found = Targets(torch.cat(rows), torch.cat(labels), torch.cat(boxes))
    _check(found, data_samples, classes)
    centre, sides = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2, found.boxes[:, 2:] - found.boxes[:, :2]
    limit = torch.tensor(size[::-1], dtype=torch.float32, device=device)
    kept = (sides > 0).all(1) & (centre >= 0).all(1) & (centre < limit).all(1)
    return Targets(*(part[kept] for part in found[:3]), *_ignored(data_samples, device))


def _ignored(data_samples: Sequence[Any], device: torch.device | str) -> tuple[Tensor | None, Tensor | None]:
    """Place in the batch and box of each ignored instance; None and None without any."""
    instances = [getattr(sample, 'ignored_instances', ()) for sample in data_samples]
    boxes = [own.bboxes if 'bboxes' in own else torch.zeros(0, 4) for own in instances]
    boxes = [getattr(own, 'tensor', own).to(device).float().reshape(-1, 4) for own in boxes]
    if not sum(map(len, boxes)):
        return None, None
    counts = torch.tensor([len(own) for own in boxes], device=device)
    return torch.arange(len(boxes), device=device).repeat_interleave(counts), torch.cat(boxes)


def _check(found: Targets, data_samples: Sequence[Any], classes: int) -> None:
    broken = ~torch.isfinite(found.boxes).all(1)
    foreign = (found.labels < 0) | (found.labels >= classes)
    if not bool((broken | foreign).any()):
        return
    row = int(torch.nonzero(broken | foreign)[0])
    meta = data_samples[int(found.image[row])].metainfo
    name = meta.get('img_path') or meta.get('img_id', f'number {int(found.image[row])} of the batch')
    if broken[row]:
        raise ValueError(f'{name}: a true box is {found.boxes[row].tolist()}; correct the annotations')
    raise ValueError(f'{name}: a true label is {int(found.labels[row])}, the head knows 0 to {classes - 1}; set '
                     'num_classes to the number of classes of the data')
