"""A drone detector as a function of named tensors: pictures in, every box that it could mean out."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from perception_kd.models.layers.fold import fold_batch_norms
from perception_kd.models.uav.detector import COARSEST, UAVDetector
from perception_kd.models.uav.postprocess import flat_boxes, flat_scores

Size = tuple[int, int]
INPUT, BOXES, SCORES, LABELS = 'images', 'boxes', 'scores', 'labels'
MEANING = {
    INPUT: '(B, 3, H, W) float32 RGB pictures, values 0..255, letterboxed: ratio kept, grey 114 at the right and below',
    BOXES: '(B, N, 4) float32 x1, y1, x2, y2 in px of the input, one for every place and anchor',
    SCORES: '(B, N, K) float32 probability of each class',
}
MEANING_AFTER_NMS = {
    INPUT: MEANING[INPUT],
    BOXES: '(M, 4) float32 x1, y1, x2, y2 in px of the input, strongest first',
    SCORES: '(M,) float32',
    LABELS: '(M,) int64 number of the class',
}


class UAVGraph(nn.Module):
    """Takes ``images``, normalises them and gives ``boxes`` and ``scores`` before any suppression.

    Args:
        detector: With its weights, in eval mode.
    """

    def __init__(self, detector: UAVDetector) -> None:
        super().__init__()
        self.detector = detector.eval()
        self.flip = not detector.data_preprocessor._channel_conversion  # then the network reads BGR

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``images`` RGB 0..255, ``(B, 3, H, W)`` with H and W multiples of 32."""
        images = inputs[INPUT].flip(1) if self.flip else inputs[INPUT]
        normal = self.detector.data_preprocessor
        levels = self.detector.raw((images - normal.mean) / normal.std)
        return {BOXES: flat_boxes(levels), SCORES: flat_scores([self.detector.head.scores(one) for one in levels])}


def check_size(size: Size) -> Size:
    """``size`` (height, width) of the pictures of a graph.

    Raises:
        ValueError: no multiples of 32.
    """
    if min(size) < COARSEST or any(side % COARSEST for side in size):
        raise ValueError(f'--size {size[0]} {size[1]}: height and width are multiples of {COARSEST}')
    return size


def folded(detector: UAVDetector) -> UAVDetector:
    """A copy with every batch normalisation folded into the convolution before it: same values up to rounding.

    Raises:
        ValueError: the detector is in training mode.
    """
    detector = copy.deepcopy(detector)
    fold_batch_norms(detector)
    return detector


def as_images(pictures: list[Tensor] | Tensor) -> Tensor:
    """Pictures ``(3, H, W)`` BGR 0..255, as pipelines give them, as the graph's input ``(B, 3, H, W)`` float32 RGB."""
    return torch.stack(list(pictures)).flip(1).float()
