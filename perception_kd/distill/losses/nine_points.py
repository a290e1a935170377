"""UniDistill's two feature losses: maps, and relations in them, at nine points of every true box."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, no_mask, no_scale, normaliser
from perception_kd.distill.losses.numerics import unit
from perception_kd.distill.losses.response import true_boxes
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures.box_points import boxes_on, nine_points, sample_map


class _NinePoints(DistillLoss):
    """``sum over boxes of gap(S, T) / max(1, number of boxes)``: true boxes whose centre lies on the grid count.

    ``gap`` sees both maps at corners, middles of edges and centre of a (rotated) box. Points of a box that lie off the
    grid count as equal. Without boxes the loss is 0.
    """

    kinds = ('bev',)
    needs_boxes = True

    def gap(self, student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
        """One number per box, ``(K,)``: maps at points ``(K, 9, C)``; ``inside`` ``(K, 9)``: those on the grid."""
        raise TypeError(f'{type(self).__name__} has no gap')

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; maps ``(B, C, ny, nx)`` on the grid of ``batch``, which holds the true boxes."""
        no_scale(self, scale)
        no_mask(self, weight)
        grid, gaps = batch.require_grid(type(self).__name__), []
        for mine, other, sample in zip(student, teacher, batch.data_samples):
            points = nine_points(boxes_on(true_boxes(sample)[0].to(mine.device), grid))
            inside = grid.cell_index(points)[1].to(mine)
            gaps.append(self.gap(sample_map(mine, points, grid), sample_map(other, points, grid), inside))
        gaps = torch.cat(gaps)
        return gaps.sum() / normaliser(gaps.new_tensor(float(len(gaps))))

    def __str__(self) -> str:
        return type(self).__name__


@DISTILL_LOSSES.register_module()
class NinePointFeature(_NinePoints):
    """Mean over nine points and channels of ``|S - T|`` per box, mean over boxes.

    UniDistill's feature distillation (Zhou et al., CVPR 2023), weight 100 in its released code. Normalised by the
    number of boxes over all processes. Known minimum: 0 at student = teacher. Invariant to what lies away from the
    boxes' points, and to a permutation of channels of both.
    """

    def gap(self, student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
        """Mean absolute difference of each box."""
        return ((student - teacher).abs().mean(dim=2) * inside).mean(dim=1)


@DISTILL_LOSSES.register_module()
class NinePointRelation(_NinePoints):
    """Mean of ``|cos(S_i, S_j) - cos(T_i, T_j)|`` over the 9 x 9 pairs of points of a box, mean over boxes.

    UniDistill's relation distillation (Zhou et al., CVPR 2023), weight 40 in its released code. Normalised by the
    number of boxes over all processes. Known minimum: 0 at student = teacher. Invariant to positive factors and to
    rotations of the channels of either side: the numbers of channels may differ, no connector is needed.
    """

    same_channels = False
    blind_to_scale = True

    def gap(self, student: Tensor, teacher: Tensor, inside: Tensor) -> Tensor:
        """Mean absolute difference of the cosines of each box."""
        both = inside[:, :, None] * inside[:, None, :]
        return ((_cosines(student) - _cosines(teacher)).abs() * both).mean(dim=(1, 2))


def _cosines(value: Tensor) -> Tensor:
    units = unit(value, dim=2, least=1e-4)
    return units @ units.transpose(1, 2)
