"""What CenterHead's predictions are thinned out by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from perception_kd.models.layers import circle_nms, rotated_nms

DEFAULT_RADIUS = {'car': 2.0, 'truck': 3.0, 'trailer': 3.0, 'bus': 3.0, 'construction_vehicle': 3.0,
                  'bicycle': 0.9, 'motorcycle': 0.9, 'pedestrian': 0.5, 'traffic_cone': 0.4, 'barrier': 1.0}


class Suppression:
    """Non-maximum suppression of one task's boxes, within each class or across the classes of the task.

    Args:
        tasks: Class names per task.
        nms: ``circle``: by the distance of the centres; ``rotate``: by the overlap of the boxes seen from above.
        radius: Metres of the circle per class name, over ``DEFAULT_RADIUS`` (1 m for other names).
        square_radius: One number per task in place of ``radius``: mmdet3d's and CRN's ``min_radius``
            ([4, 12, 10, 1, 0.85, 0.175] for nuScenes), which they compare with the *square* of the distance.
        overlap: Shared area over the area of the union at which ``rotate`` drops a box.
        across_classes: Let a box drop weaker ones of every class of its task, as mmdet3d does.

    Raises:
        ValueError: An unknown ``nms``, not one ``square_radius`` per task, both radii, or classes of different radius
            to suppress across.
    """

    def __init__(self, *, tasks: Sequence[Sequence[str]], nms: Literal['circle', 'rotate'] = 'circle',
                 radius: Mapping[str, float] | None = None, square_radius: Sequence[float] | None = None,
                 overlap: float = 0.2, across_classes: bool = False) -> None:
        if nms not in ('circle', 'rotate'):
            raise ValueError(f"nms is 'circle' or 'rotate', got {nms!r}")
        if square_radius is not None and (radius or len(square_radius) != len(tasks)):
            raise ValueError(f'square_radius takes the place of radius and needs one number for each of {len(tasks)} '
                             f'tasks, got {list(square_radius)}' + (' beside radius' if radius else ''))
        self.nms, self.overlap, self.across_classes = nms, overlap, across_classes
        known = {**DEFAULT_RADIUS, **(radius or {})}
        self.radius = [torch.tensor([known.get(name, 1.0) for name in names]) for names in tasks]
        if square_radius is not None:
            self.radius = [torch.full((len(names),), square ** 0.5) for names, square in zip(tasks, square_radius)]
        mixed = square_radius is None and any(len({known.get(name, 1.0) for name in names}) > 1 for names in tasks)
        if nms == 'circle' and across_classes and mixed:
            raise ValueError('across_classes needs one radius for the classes of a task: set square_radius')

    def __call__(self, boxes: Tensor, scores: Tensor, labels: Tensor, task: int) -> Tensor:
        """Args: ``boxes`` ``(K, >= 7)`` x, y, z, l, w, h, yaw; ``scores`` ``(K,)``; ``labels`` ``(K,)`` int64, counted
        from 0 in the task.

        Returns:
            Indices of the boxes that stay, strongest first.
        """
        if self.across_classes:
            labels = torch.zeros_like(labels)
        if self.nms == 'circle':
            return circle_nms(boxes[:, :2], scores, labels, self.radius[task])
        return rotated_nms(boxes[:, [0, 1, 3, 4, 6]], scores, labels, self.overlap)
