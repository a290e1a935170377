"""An anchor-free head whose box edges are distributions, as in YOLOv8."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from perception_kd.models.uav.blocks import ConvBNSiLU
from perception_kd.models.uav.boxes import pair_ciou
from perception_kd.models.uav.grid import cell_corners
from perception_kd.models.uav.ignored import ignored_cells, spared_cross_entropy
from perception_kd.models.uav.targets import Targets
from perception_kd.models.uav.task_aligned import align
from perception_kd.registry import MODELS

WEIGHTS = dict(box=7.5, distribution=1.5, classes=0.5)
Level = dict[str, Tensor]


@MODELS.register_module()
class DistributionHead(nn.Module):
    """Two branches a level, two 3x3 convolutions each: classes, and for each edge a distribution over its distance.

    The distance of an edge from the middle of a cell is the mean of softmax logits over 0 .. bins-1 cells (Generalized
    Focal Loss, Li et al., NeurIPS 2020). Cells learn by task-aligned assignment: classes by binary cross entropy
    against the quality of the assignment, boxes by CIoU and by the two bins beside the true distance (the same paper's
    distribution focal loss), both weighted by the quality and over its sum.

    At first the bins favour short distances, of ``first_cells`` in the mean: at the even start of others (7.5 cells) a
    target of 8 px overlaps no prediction enough to be learnt.

    Args:
        num_classes: K.
        in_channels: Of the maps.
        strides: Of the maps, px.
        bins: Of a distribution.
        top, alpha, beta: Of the assignment.
        weights: Over ``WEIGHTS``.
        loss_scale: Factor of all losses, as of ``AnchorYOLOHead``.
        first_cells: Mean distance of an edge before training, cells.
    """

    anchors = 1

    def __init__(self, *, num_classes: int, in_channels: Sequence[int], strides: Sequence[int], bins: int = 16,
                 top: int = 10, alpha: float = 0.5, beta: float = 6.0, weights: Mapping[str, float] | None = None,
                 loss_scale: float = 64.0, first_cells: float = 1.0) -> None:
        super().__init__()
        if bins < 2 or first_cells <= 0:
            raise ValueError(f'the head needs 2 bins or more and first_cells above 0, got {bins} and {first_cells}')
        self.num_classes, self.strides, self.bins = num_classes, tuple(strides), bins
        self.assignment = dict(top=top, alpha=alpha, beta=beta, least_side=float(min(strides)))
        self.weights, self.loss_scale = {**WEIGHTS, **(weights or {})}, loss_scale
        if len(self.weights) > len(WEIGHTS):
            raise ValueError(f'weights of the head are {", ".join(WEIGHTS)}, got {", ".join(weights)}')
        for_edges = max(16, in_channels[0] // 4, 4 * bins)
        for_classes = max(in_channels[0], min(num_classes, 100))
        self.edges = nn.ModuleList(_branch(width, for_edges, 4 * bins) for width in in_channels)
        self.classes = nn.ModuleList(_branch(width, for_classes, num_classes) for width in in_channels)
        self.register_buffer('distances', torch.arange(bins, dtype=torch.float32), persistent=False)
        self._init_biases(first_cells)

    def _init_biases(self, first_cells: float) -> None:
        """Edges: a geometric distribution with mean ``first_cells``. Classes: about 5 objects a picture of 640 px."""
        falling = self.distances * math.log(first_cells / (1 + first_cells))
        for edges, classes, stride in zip(self.edges, self.classes, self.strides):
            edges[-1].bias.detach().copy_(falling.repeat(4))
            classes[-1].bias.detach().fill_(math.log(5 / self.num_classes / (640 / stride) ** 2))

    def forward(self, maps: Sequence[Tensor]) -> list[Level]:
        """Maps ``(B, C, H, W)``, fine to coarse -> a dict a level, see :meth:`level`."""
        return [self.level(index, x) for index, x in enumerate(maps)]

    def level(self, index: int, x: Tensor) -> Level:
        """One level: ``classes`` ``(B, 1, K, H, W)``, ``edges`` ``(B, 1, 4, bins, H, W)``: logits (left, top, right,
        bottom); ``boxes`` ``(B, 1, 4, H, W)``: x1 y1 x2 y2, px of the network input, float32."""
        batch, _, height, width = x.shape
        edges = self.edges[index](x).view(batch, 1, 4, self.bins, height, width)
        distances = (edges.float().softmax(3) * self.distances[:, None, None]).sum(3)
        middle = cell_corners(height, width, like=x) + 0.5
        boxes = torch.cat([middle - distances[:, :, :2], middle + distances[:, :, 2:]], 2) * self.strides[index]
        return dict(classes=self.classes[index](x)[:, None], boxes=boxes, edges=edges)

    def scores(self, level: Level) -> Tensor:
        """Probabilities ``(B, 1, K, H, W)`` of a level."""
        return level['classes'].float().sigmoid()

    def loss(self, levels: Sequence[Level], targets: Targets) -> dict[str, Tensor]:
        """``loss_box``, ``loss_distribution`` and ``loss_class``; see the class."""
        classes, boxes, edges = (torch.cat([_rows(level[name].float()) for level in levels], 1)
                                 for name in ('classes', 'boxes', 'edges'))
        edges = edges.unflatten(-1, (4, self.bins))
        places, strides = self._places(levels)
        wanted = torch.zeros_like(classes)
        image, cell, row, quality = [], [], [], []
        for index in range(len(classes)):
            own = torch.nonzero(targets.image == index)[:, 0]
            found = align(classes[index].detach().sigmoid(), boxes[index].detach(), places, targets.labels[own],
                          targets.boxes[own], **self.assignment)
            learns = torch.nonzero(found.target >= 0)[:, 0]
            image.append(torch.full_like(learns, index))
            cell.append(learns)
            row.append(own[found.target[learns]])
            quality.append(found.quality[learns])
        image, cell, row, quality = map(torch.cat, (image, cell, row, quality))
        wanted[image, cell, targets.labels[row]] = quality
        share = quality / quality.sum().clamp(min=1)
        truth = targets.boxes[row]
        overlap = pair_ciou(boxes[image, cell], truth)
        apart = self._distribution(edges[image, cell], truth, places[cell], strides[cell])
        spread = spared_cross_entropy(classes, wanted, self._spared(levels, targets).expand_as(classes)).sum()
        losses = dict(box=((1 - overlap) * share).sum(), distribution=(apart * share).sum(),
                      classes=spread / quality.sum().clamp(min=1))
        names = dict(box='loss_box', distribution='loss_distribution', classes='loss_class')
        return {names[name]: value * (self.weights[name] * self.loss_scale) for name, value in losses.items()}

    def _spared(self, levels: Sequence[Level], targets: Targets) -> Tensor:
        """``(B, cells, 1)``: places of ignored boxes, which may hold anything."""
        shapes = [(len(level['boxes']), *level['boxes'].shape[-2:]) for level in levels]
        return torch.cat([ignored_cells(targets, *shape, stride).flatten(1)
                          for shape, stride in zip(shapes, self.strides)], 1)[..., None]

    def _distribution(self, edges: Tensor, truth: Tensor, places: Tensor, strides: Tensor) -> Tensor:
        """Cross entropy of the bins on both sides of the true distance, weighted by nearness: ``(P,)``."""
        distances = torch.cat([places - truth[:, :2], truth[:, 2:] - places], 1) / strides[:, None]
        distances = distances.clamp(0, self.bins - 1 - 0.01)
        lower = distances.floor()
        logs = edges.log_softmax(-1)
        near = logs.gather(-1, lower.long()[..., None])[..., 0]
        far = logs.gather(-1, lower.long()[..., None] + 1)[..., 0]
        above = distances - lower
        return -(near * (1 - above) + far * above).mean(-1)

    def _places(self, levels: Sequence[Level]) -> tuple[Tensor, Tensor]:
        """Middles of all cells ``(N, 2)`` and their strides ``(N,)``, px."""
        places, strides = [], []
        for level, stride in zip(levels, self.strides):
            corners = cell_corners(*level['boxes'].shape[-2:], like=level['boxes'])
            places.append((corners.flatten(1).T + 0.5) * stride)
            strides.append(places[-1].new_full((len(places[-1]),), stride))
        return torch.cat(places), torch.cat(strides)


def _branch(in_channels: int, hidden: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(ConvBNSiLU(in_channels=in_channels, out_channels=hidden, kernel=3),
                         ConvBNSiLU(in_channels=hidden, out_channels=hidden, kernel=3),
                         nn.Conv2d(hidden, out_channels, 1))


def _rows(value: Tensor) -> Tensor:
    """``(B, 1, ..., H, W)`` -> ``(B, H W, ...)`` with the middle flattened."""
    return value[:, 0].flatten(-2).flatten(1, -2).transpose(1, 2)
