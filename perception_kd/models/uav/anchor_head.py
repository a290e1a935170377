"""The anchor-based head of YOLOv5."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.uav.anchor_assign import assign_level, fitting_anchors
from perception_kd.models.uav.boxes import centres_and_sizes, pair_ciou
from perception_kd.models.uav.grid import cell_corners
from perception_kd.models.uav.ignored import ignored_cells, spared_cross_entropy
from perception_kd.models.uav.targets import Targets
from perception_kd.registry import MODELS

BALANCE = {3: (4.0, 1.0, 0.4), 4: (4.0, 1.0, 0.25, 0.06)}
WEIGHTS = dict(box=0.05, objectness=1.0, classes=0.5)
TRAINED_SIZE, COCO_CLASSES = 640, 80  # what the weights were chosen at
Level = dict[str, Tensor]


@MODELS.register_module()
class AnchorYOLOHead(nn.Module):
    """A 1x1 convolution a level; boxes as offsets to a cell and factors of an anchor.

    ``xy = (2 sigmoid(t) - 0.5 + cell) stride``, ``wh = (2 sigmoid(t))^2 anchor``. Losses: CIoU of the positives of
    :func:`~perception_kd.models.uav.anchor_assign.assign_level`, objectness against their IoU, classes by binary cross
    entropy; with one class there is no loss of classes, and the score is the objectness alone.

    Weights: box 0.05, objectness 1, classes 0.5 K/80, times 3/levels; objectness also times (input size/640)^2 and a
    weight a level. The sum is scaled by 64, YOLOv5's nominal batch, which its learning rate of 0.01 counts on: the loss
    is a mean over pictures, whatever the batch.

    Args:
        num_classes: K.
        anchors: By level, fine to coarse: ``[[w, h], ...]``, px of the network input.
        in_channels: Of the maps.
        strides: Of the maps, px.
        limit: Largest ratio of the sides of box and anchor; a box beyond it from all anchors goes to the nearest.
        balance: Weight of the objectness of each level; None: 4, 1, 0.4 of three and 4, 1, 0.25, 0.06 of four.
        weights: Over ``WEIGHTS``.
        loss_scale: Factor of all losses.
    """

    def __init__(self, *, num_classes: int, anchors: Sequence[Sequence[Sequence[float]]], in_channels: Sequence[int],
                 strides: Sequence[int], limit: float = 4.0, balance: Sequence[float] | None = None,
                 weights: Mapping[str, float] | None = None, loss_scale: float = 64.0) -> None:
        super().__init__()
        _check_anchors(anchors, strides)
        self.num_classes, self.strides, self.limit = num_classes, tuple(strides), limit
        self.weights, self.loss_scale = {**WEIGHTS, **(weights or {})}, loss_scale
        if len(self.weights) > len(WEIGHTS):
            raise ValueError(f'weights of the head are {", ".join(WEIGHTS)}, got {", ".join(weights)}')
        self.balance = tuple(balance or BALANCE.get(len(strides), (1.0,) * len(strides)))
        self.anchors = len(anchors[0])
        self.register_buffer('anchor_sizes', torch.tensor(anchors, dtype=torch.float32), persistent=False)
        self.convs = nn.ModuleList(nn.Conv2d(width, self.anchors * (5 + num_classes), 1) for width in in_channels)
        self._init_biases()

    def _init_biases(self) -> None:
        """Begin at about 8 objects in a picture of 640 px (prior of focal loss, Lin et al., ICCV 2017)."""
        for conv, stride in zip(self.convs, self.strides):
            bias = conv.bias.detach().view(self.anchors, -1)
            bias[:, 4] += math.log(8 / (TRAINED_SIZE / stride) ** 2)
            bias[:, 5:] += math.log(0.6 / (self.num_classes - 0.99999))

    def forward(self, maps: Sequence[Tensor]) -> list[Level]:
        """Maps ``(B, C, H, W)``, fine to coarse -> a dict a level, see :meth:`level`."""
        return [self.level(index, x) for index, x in enumerate(maps)]

    def level(self, index: int, x: Tensor) -> Level:
        """One level: ``classes`` ``(B, A, K, H, W)``, ``objectness`` ``(B, A, H, W)``: logits; ``boxes`` ``(B, A, 4, H,
        W)``: x1 y1 x2 y2, px of the network input, float32."""
        batch, _, height, width = x.shape
        raw = self.convs[index](x).view(batch, self.anchors, 5 + self.num_classes, height, width)
        shares = raw[:, :, :4].float().sigmoid() * 2
        cells = cell_corners(height, width, like=x)
        centre = (shares[:, :, :2] - 0.5 + cells) * self.strides[index]
        half = shares[:, :, 2:].square() * self.anchor_sizes[index][:, :, None, None] / 2
        return dict(classes=raw[:, :, 5:], objectness=raw[:, :, 4],
                    boxes=torch.cat([centre - half, centre + half], 2))

    def scores(self, level: Level) -> Tensor:
        """Probabilities ``(B, A, K, H, W)`` of a level."""
        objectness = level['objectness'].float().sigmoid()[:, :, None]
        return objectness if self.num_classes == 1 else objectness * level['classes'].float().sigmoid()

    def loss(self, levels: Sequence[Level], targets: Targets) -> dict[str, Tensor]:
        """``loss_box``, ``loss_objectness`` and, of several classes, ``loss_class``; see the class."""
        parts: dict[str, Any] = dict(box=0.0, objectness=0.0, classes=0.0)
        fits = fitting_anchors(centres_and_sizes(targets.boxes)[1], self.anchor_sizes.unbind(), self.limit)
        for index, level in enumerate(levels):
            found = self._level_loss(index, level, targets, fits[index])
            parts = {name: parts[name] + found[name] for name in parts}
        height, width = levels[0]['objectness'].shape[-2:]
        area = height * width * self.strides[0] ** 2
        factors = dict(box=1.0, objectness=area / TRAINED_SIZE**2, classes=self.num_classes / COCO_CLASSES)
        scale = self.loss_scale * 3 / len(levels)
        losses = {name: parts[name] * (scale * self.weights[name] * factors[name]) for name in parts}
        kept = dict(loss_box=losses['box'], loss_objectness=losses['objectness'])
        return kept if self.num_classes == 1 else dict(kept, loss_class=losses['classes'])

    def _level_loss(self, index: int, level: Level, targets: Targets, fits: Tensor) -> dict[str, Tensor]:
        level = {name: value.float() for name, value in level.items()}
        stride, shape = self.strides[index], level['objectness'].shape[-2:]
        match = assign_level(centres_and_sizes(targets.boxes)[0] / stride, fits, tuple(shape))
        image = targets.image[match.target]
        boxes = level['boxes'].permute(0, 1, 3, 4, 2)[image, match.anchor, match.y, match.x]
        overlap = pair_ciou(boxes, targets.boxes[match.target])
        places = ((image * self.anchors + match.anchor) * shape[0] + match.y) * shape[1] + match.x
        wanted = torch.zeros_like(level['objectness']).flatten()
        # Two boxes may share a place: the better one counts, in whatever order they come.
        wanted = wanted.scatter_reduce(0, places, overlap.detach().clamp(min=0), 'amax').view_as(level['objectness'])
        objectness = self._objectness(level['objectness'], wanted, targets, stride)
        count = max(len(overlap), 1)
        losses = dict(box=(1 - overlap).sum() / count, objectness=objectness * self.balance[index], classes=0.0)
        if self.num_classes > 1:
            logits = level['classes'].permute(0, 1, 3, 4, 2)[image, match.anchor, match.y, match.x]
            truth = functional.one_hot(targets.labels[match.target], self.num_classes).to(logits.dtype)
            spread = functional.binary_cross_entropy_with_logits(logits, truth, reduction='sum')
            losses['classes'] = spread / (count * self.num_classes)
        return losses

    @staticmethod
    def _objectness(logits: Tensor, wanted: Tensor, targets: Targets, stride: int) -> Tensor:
        """Mean over all places but those of ignored boxes, which may hold anything."""
        if targets.ignored is None:
            return functional.binary_cross_entropy_with_logits(logits, wanted)
        spared = ignored_cells(targets, len(logits), *logits.shape[-2:], stride)[:, None].expand_as(logits)
        losses = spared_cross_entropy(logits, wanted, spared)
        return losses.sum() / (~spared | (wanted > 0)).sum().clamp(min=1)


def _check_anchors(anchors: Sequence[Sequence[Sequence[float]]], strides: Sequence[int]) -> None:
    sizes = {len(level) for level in anchors}
    if len(anchors) != len(strides) or len(sizes) != 1 or 0 in sizes:
        raise ValueError(f'anchors: {len(strides)} levels with equally many [w, h] each are asked for, got '
                         f'{[len(level) for level in anchors]}')
    if any(len(anchor) != 2 or min(anchor) <= 0 for level in anchors for anchor in level):
        raise ValueError('anchors are [w, h] in px, both above 0')
