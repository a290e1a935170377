"""Distillation of relations between instances: similarities, distances, angles."""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, no_mask
from perception_kd.distill.losses.numerics import nothing, scaled, unit
from perception_kd.distill.losses.response import true_boxes
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures.box_points import boxes_on, sample_map
from perception_kd.structures.image_grid import at_points, boxes_inside, image_boxes


class _Relations(DistillLoss):
    """Compares how the instances of a batch relate to each other, not what they are: channels need not match.

    The instances are the process's own: two processes compare less than one with the whole batch. Fewer than two
    instances give 0. A mask is refused: no place stands for an instance.

    Args:
        instances: ``samples``: each sample's (or image's) whole value as one vector, as published; ``pooled``: its mean
            over places; ``boxes``: the features at the true box centres of all samples, bilinear, of BEV maps and maps
            of a picture. A detector's batch of two to four starves the first two.
        max_instances: More than these are thinned to a random subset (seeded by pair, step and rank under the
            distiller): memory grows with the square of their number, and of RKD's angles with the cube.
    """

    kinds = ('bev', 'image', 'volume', 'vector')
    same_channels = False
    blind_to_scale = True

    def __init__(
        self, *, instances: Literal['samples', 'pooled', 'boxes'] = 'samples', max_instances: int = 64
    ) -> None:
        super().__init__()
        if instances not in ('samples', 'pooled', 'boxes') or max_instances < 2:
            raise ValueError(
                f"{type(self).__name__}: instances is 'samples', 'pooled' or 'boxes' and max_instances at least 2, "
                f'got {instances!r} and {max_instances}'
            )
        self.instances, self.max_instances = instances, max_instances
        self.needs_boxes = instances == 'boxes'
        if self.needs_boxes:
            self.kinds = ('bev', 'image')

    def forward(
        self, student: Tensor, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; see :class:`DistillLoss`."""
        no_mask(self, weight)
        ours, theirs = self._vectors(student, batch), self._vectors(scaled(teacher, scale), batch)
        if len(ours) > self.max_instances:
            kept = torch.randperm(len(ours))[: self.max_instances].to(ours.device)
            ours, theirs = ours[kept], theirs[kept]
        return nothing(student) if len(ours) < 2 else self.compare(ours, theirs)

    def compare(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """The loss between ``(n, C)`` and ``(n, C')``, n at least 2."""
        raise TypeError(f'{type(self).__name__} does not say how it compares')

    def _vectors(self, value: Tensor, batch: DistillBatch) -> Tensor:
        if self.instances == 'boxes':
            return at_box_centres(value, batch, type(self).__name__)
        return value.flatten(2).mean(dim=2) if self.instances == 'pooled' and value.dim() > 2 else value.flatten(1)

    def __str__(self) -> str:
        return f'{type(self).__name__}({self.instances})'


def at_box_centres(value: Tensor, batch: DistillBatch, who: str) -> Tensor:
    """Features at the centres of true boxes, bilinear between cell centres.

    Args:
        value: ``(B, C, ny, nx)`` on the batch's grid.
        batch: With true boxes, seen from above or in the picture.
        who: Names the loss in messages.

    Returns:
        ``(K, C)``, K: boxes of all samples that lie on the map.

    Raises:
        ValueError: the pair has no grid.
    """
    found = [value.new_zeros(0, value.shape[1])]
    if batch.image is not None:
        for row, data_sample in zip(value, batch.data_samples):
            boxes = boxes_inside(image_boxes(data_sample).to(batch.device), batch.image)
            found.append(at_points(row, (boxes[:, :2] + boxes[:, 2:]) / 2, batch.image))
        return torch.cat(found)
    grid = batch.require_grid(who)
    for row, data_sample in zip(value, batch.data_samples):
        boxes = boxes_on(true_boxes(data_sample)[0].to(batch.device), grid)
        found.append(sample_map(row, boxes[:, None, :2], grid)[:, 0])
    return torch.cat(found)


@DISTILL_LOSSES.register_module()
class SP(_Relations):
    """``1 / n^2 | u(S S^T) - u(T T^T) |_F^2``, S: ``(n, C)`` instances, u: every row divided by its length.

    Similarity-preserving distillation (Tung and Mori, ICCV 2019), published weight 3000 (gamma) on flattened maps.
    Known minimum: 0 at student = teacher. Invariant under an orthogonal rotation of the channels of either side and a
    factor on all of it. See :class:`_Relations` for the arguments.
    """

    def compare(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """See the class."""
        gap = unit(ours @ ours.T, dim=1) - unit(theirs @ theirs.T, dim=1)
        return gap.square().mean()


@DISTILL_LOSSES.register_module()
class RKDDistance(_Relations):
    """``mean_ij smoothL1( |s_i - s_j| / mu_S - |t_i - t_j| / mu_T )``, mu: mean of the distances above 0.

    Relational distillation by distances (Park et al., CVPR 2019), published weight 25. Its instances are not divided by
    their length first. Known minimum: 0 at student = teacher. Invariant under rotation, offset and scaling of all
    instances of either side. See :class:`_Relations` for the arguments.
    """

    def compare(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """See the class."""
        return functional.smooth_l1_loss(_distances(ours), _distances(theirs))


@DISTILL_LOSSES.register_module()
class RKDAngle(_Relations):
    """``mean_ijk smoothL1( cos(s_j - s_i, s_k - s_i) - cos(t_j - t_i, t_k - t_i) )``.

    Relational distillation by angles (Park et al., CVPR 2019), published weight 50. Instances that coincide have no
    angle: their cosine is 0. Known minimum: 0 at student = teacher. Invariant under similarity transforms (rotation,
    offset, scaling) of all instances of either side. See :class:`_Relations` for the arguments.
    """

    def compare(self, ours: Tensor, theirs: Tensor) -> Tensor:
        """See the class."""
        return functional.smooth_l1_loss(_cosines(ours), _cosines(theirs))


def _distances(value: Tensor) -> Tensor:
    """``(n, n)`` Euclidean, divided by their mean over those above 0."""
    found = torch.cdist(value, value, compute_mode='donot_use_mm_for_euclid_dist')
    mean = found.sum() / (found > 0).sum().clamp(min=1)
    return found / mean.clamp(min=1e-8)


def _cosines(value: Tensor) -> Tensor:
    """``(n, n, n)``: cosine at the first index between the directions to the other two."""
    directions = unit(value[None] - value[:, None], dim=2, least=1e-6)
    return directions @ directions.transpose(1, 2)
