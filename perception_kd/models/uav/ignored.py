"""Places of the maps at which a picture does not say what is there: boxes that are ignored teach nothing."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.models.uav.targets import Targets


def ignored_cells(targets: Targets, pictures: int, height: int, width: int, stride: float) -> Tensor:
    """Cells of a level that an ignored box touches, ``(B, H, W)`` bool.

    Args:
        targets: Of the batch.
        pictures: B.
        height, width: Of the level.
        stride: Px of a cell.
    """
    boxes, image = targets.ignored, targets.ignored_image
    if boxes is None or image is None:
        return torch.zeros((pictures, height, width), dtype=torch.bool, device=targets.boxes.device)
    x, y = (torch.arange(count, device=boxes.device) * stride for count in (width, height))
    across = (boxes[:, 0:1] < x + stride) & (boxes[:, 2:3] > x)
    down = (boxes[:, 1:2] < y + stride) & (boxes[:, 3:4] > y)
    touched = torch.zeros((pictures, height, width), device=boxes.device)
    return touched.index_add(0, image, (down[:, :, None] & across[:, None]).float()) > 0


def spared_cross_entropy(logits: Tensor, wanted: Tensor, spared: Tensor) -> Tensor:
    """Binary cross entropy of each value, 0 where ``spared`` says so and nothing is wanted; all of one shape."""
    losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction='none')
    return losses.masked_fill(spared & (wanted == 0), 0.0)
