"""Contrast between objects: a student's object should resemble the teacher's view of the same one, of no other."""

from __future__ import annotations

from typing import Any

import torch
from mmengine import dist
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.distill.batch import DistillBatch
from perception_kd.distill.losses.base import DistillLoss, no_mask, no_scale, normaliser
from perception_kd.distill.losses.response import true_boxes
from perception_kd.registry import DISTILL_LOSSES
from perception_kd.structures import BEVGrid, TapSpec
from perception_kd.structures.box_points import boxes_on, sample_map


@DISTILL_LOSSES.register_module()
class InfoNCE(DistillLoss):
    """``mean_i -log softmax_j( <g(T_i), f(S_j)> / temperature )[i]`` over the true boxes i, j of the batch.

    ``S_i`` and ``T_i`` are the maps at the centre of box i, ``f`` and ``g`` learnt projections (a linear map, then an
    MLP with batch norm) to unit vectors. BEVDistill's contrastive term (Chen et al., ICLR 2023; its head after MoCo v2
    with InfoNCE of van den Oord et al., 2018), weight 0.2 in its released code, there at the sampling points of a
    DETR decoder. The other boxes are those of the own process, so that two processes are not one with both batches;
    the mean is over all processes' boxes. Fewer than two boxes: 0.

    **No trivial solution**: projections that map everything to one vector give log(number of boxes), no minimum; the
    loss falls only as far as the vectors of different boxes are told apart on both sides. But ``f`` can learn to tell
    them apart in a student that stays as it is: a falling loss alone does not show that the student learns
    (``tools/trial.py pair`` compares with a frozen one). Bounded below by 0; no known minimum at student = teacher,
    since ``f`` and ``g`` differ. Invariant to the order of the boxes and to what lies away from their centres. The
    numbers of channels may differ, no connector is needed.

    Args:
        student_channels, teacher_channels: Of the two maps.
        width: Of the projections.
        temperature: Divides the cosines.
    """

    kinds = ('bev',)
    needs_boxes = True
    same_channels = False

    def __init__(
        self, *, student_channels: int, teacher_channels: int, width: int = 128, temperature: float = 0.07
    ) -> None:
        super().__init__()
        if temperature <= 0:
            raise ValueError(f'InfoNCE: temperature is above 0, got {temperature}')
        self.temperature = temperature
        self.student_view = _projection(student_channels, width)
        self.teacher_view = _projection(teacher_channels, width)

    @classmethod
    def arguments(cls, source: TapSpec, target: TapSpec) -> dict[str, Any]:
        """Both channel counts."""
        if source.channels is None or target.channels is None:
            raise ValueError(f'InfoNCE needs two maps with declared channels, got {source} and {target}')
        return dict(student_channels=source.channels, teacher_channels=target.channels)

    def forward(
        self, student: Any, teacher: Any, *, weight: Tensor | None, scale: Tensor | None, batch: DistillBatch
    ) -> Tensor:
        """Scalar; maps ``(B, C, ny, nx)`` on the grid of ``batch``, which holds the true boxes."""
        no_scale(self, scale)
        no_mask(self, weight)
        grid = batch.require_grid(type(self).__name__)
        centres = [boxes_on(true_boxes(sample)[0].to(student.device), grid)[:, None, :2]
                   for sample in batch.data_samples]
        ours, theirs = _at(student, centres, grid), _at(teacher, centres, grid)
        count = normaliser(ours.new_tensor(float(len(ours))))
        if len(ours) < 2 and not self._others_wait():  # nothing to contrast with, and batch norm needs two
            return sum((part * 0).sum() for part in (student, *self.parameters()))
        ours = functional.normalize(self.student_view(ours), dim=1)
        theirs = functional.normalize(self.teacher_view(theirs), dim=1)
        logits = theirs @ ours.T / self.temperature
        return (logits.logsumexp(dim=1) - logits.diagonal()).sum() / count

    def _others_wait(self) -> bool:
        """Whether batch norms of other processes wait for what this one adds to their statistics."""
        return dist.get_world_size() > 1 and any(isinstance(part, nn.SyncBatchNorm) for part in self.modules())

    def __str__(self) -> str:
        return f'InfoNCE(temperature {self.temperature:g})'


def _at(value: Tensor, centres: list[Tensor], grid: BEVGrid) -> Tensor:
    """``(N, C)``: the maps of all samples at their boxes' centres."""
    return torch.cat([sample_map(one, points, grid)[:, 0] for one, points in zip(value, centres)])


def _projection(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(channels, width, bias=False), nn.Linear(width, width, bias=False),  # batch norm takes biases away
        nn.BatchNorm1d(width), nn.ReLU(), nn.Linear(width, width))
