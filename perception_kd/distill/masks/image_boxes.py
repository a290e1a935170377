"""True boxes of a picture as weights on the cells of a feature map."""

from __future__ import annotations

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.masks.base import Mask
from perception_kd.registry import MASKS
from perception_kd.structures.footprint import shared_weights
from perception_kd.structures.image_grid import image_boxes, image_footprints


@MASKS.register_module()
class ImageBoxes(Mask):
    """1 in the cells of true boxes, ``outside`` elsewhere, on maps of a picture.

    A cell counts where its centre lies in the box, and where it holds the box's centre: a drone of 6 px has one cell at
    each stride. Boxes may be made larger first, for the surroundings tell a drone from a bird.

    Args:
        grow: Sides of the boxes times this.
        margin: px added at every side after that.
        outside: Weight of the other cells.
        equal: Every box weighs as much as any other, whatever its size: its cells share 1 (of boxes that overlap the
            larger share counts). ``outside`` then is shared by all other cells of a sample.
    """

    needs_boxes = True

    def __init__(self, *, grow: float = 1.0, margin: float = 0.0, outside: float = 0.0, equal: bool = False) -> None:
        if grow <= 0 or min(margin, outside) < 0:
            raise ValueError('ImageBoxes: grow is above 0, margin and outside are not negative, got '
                             f'{grow}, {margin} and {outside}')
        self.grow, self.margin, self.outside, self.equal = grow, margin, outside, equal

    def __call__(self, batch: DistillBatch) -> Tensor:
        """``(B, 1, ny, nx)``; ``outside`` everywhere for a sample without boxes."""
        grid = batch.require_image('ImageBoxes')
        maps = []
        for sample in batch.data_samples:
            covered = image_footprints(self._grown(image_boxes(sample).to(batch.device)), grid).float()
            maps.append(shared_weights(covered, self.outside) if self.equal else self._plain(covered))
        return torch.stack(maps)[:, None]

    def _grown(self, boxes: Tensor) -> Tensor:
        centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        half = half * self.grow + self.margin
        return torch.cat([centre - half, centre + half], dim=1)

    def _plain(self, covered: Tensor) -> Tensor:
        inside = covered.sum(dim=0).clamp(max=1)
        return inside + self.outside * (1 - inside)

    def __str__(self) -> str:
        return f'ImageBoxes({self.grow:g}, outside {self.outside:g}{", equal" if self.equal else ""})'
