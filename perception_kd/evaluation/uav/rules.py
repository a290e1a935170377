"""What counts, and what the figures are called. All areas and sides are in pixels of the original picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_MOST = 1e5**2  # COCO's bound of every area
AREA_RANGES: dict[str, tuple[float, float]] = {
    'all': (0, _MOST),
    'vt': (0, 8**2), 't': (8**2, 16**2), 's': (16**2, 32**2), 'm': (32**2, _MOST),
    'coco_s': (0, 32**2), 'coco_m': (32**2, 96**2), 'coco_l': (96**2, _MOST),
}  # fmt: skip
"""Name -> least and largest area, px²; both ends belong to a range.

``vt`` to ``m`` (very tiny to medium) are AI-TOD's (Wang et al., "Tiny Object Detection in Aerial Images", ICPR 2020) as
its ``cocoapi-aitod`` computes them: the paper's text ends medium at 64 px, the code does not. The last three are
COCO's.
"""
SIDES: tuple[tuple[float, float], ...] = ((0, 8), (8, 16), (16, 24), (24, 32), (32, math.inf))
"""Bins of a target's side, the root of its area, px; the upper end belongs to the next bin."""
SIDE_KEYS = tuple(f'recall_{low:g}_{high:g}' for low, high in SIDES)
IOU_THRS = tuple(np.linspace(0.5, 0.95, 10).tolist())
NEGATIVES = 'FPPI_negatives'
LOWER_IS_BETTER = (NEGATIVES,)


@dataclass(frozen=True, kw_only=True)
class UAVRules:
    """By what predictions are judged.

    Args:
        score_thr: Of deployment: precision, recall, F1, false positives and recall by side count predictions with this
            score or more.
        iou_thr: IoU of a match at that threshold, in (0, 1].
        iou_thrs: Of AP and AR, in (0, 1], rising; COCO's ten.
        max_dets: Predictions of a picture and class that AP and AR look at, best first.
        nwd: Constant C of the normalised Wasserstein distance in px, 12.8 in AI-TOD: also score with
            ``exp(-distance / C)`` in the place of IoU; None: not.

    Raises:
        ValueError: a number outside its range.
    """

    score_thr: float = 0.25
    iou_thr: float = 0.5
    iou_thrs: Sequence[float] = IOU_THRS
    max_dets: int = 100
    nwd: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'iou_thrs', tuple(float(one) for one in self.iou_thrs))
        if not math.isfinite(self.score_thr):
            raise ValueError(f'score_thr must be a number, got {self.score_thr}')
        rising = all(one < other for one, other in zip(self.iou_thrs, self.iou_thrs[1:]))
        if not self.iou_thrs or not rising or not all(0 < one <= 1 for one in (*self.iou_thrs, self.iou_thr)):
            raise ValueError('iou_thr and iou_thrs must lie above 0 and at most at 1, iou_thrs rising, got '
                             f'{self.iou_thr} and {self.iou_thrs}')
        if self.max_dets < 1:
            raise ValueError(f'max_dets must be at least 1, got {self.max_dets}')
        if self.nwd is not None and not 0 < self.nwd < math.inf:
            raise ValueError(f'nwd must be above 0 px, got {self.nwd}')

    @property
    def nwd_suffix(self) -> str:
        """Of the figures by that distance: ``_NWD12.8``."""
        return '' if self.nwd is None else f'_NWD{self.nwd:g}'

    @property
    def headlines(self) -> dict[str, list[int]]:
        """AP over all sizes by name -> indices of the IoU thresholds that it is the mean of."""
        thresholds = np.asarray(self.iou_thrs)
        found = {'AP': np.arange(len(thresholds)), 'AP5090': np.flatnonzero(thresholds < 0.9 + 1e-6),
                 'AP50': np.flatnonzero(np.isclose(thresholds, 0.5)),
                 'AP75': np.flatnonzero(np.isclose(thresholds, 0.75))}
        return {name: indices.tolist() for name, indices in found.items()}

    @property
    def recall_key(self) -> str:
        """Of average recall: ``AR100``."""
        return f'AR{self.max_dets}'

    @property
    def names(self) -> tuple[str, ...]:
        """Keys of all figures, in the order of a table."""
        sizes = [name for name in AREA_RANGES if name != 'all']
        nwd = [f'{name}{self.nwd_suffix}' for name in ('AP50', 'precision', 'recall', 'F1')] if self.nwd else []
        return (*self.headlines, *(f'AP_{name}' for name in sizes), self.recall_key,
                *(f'{self.recall_key}_{name}' for name in sizes), 'precision', 'recall', 'F1', NEGATIVES, *SIDE_KEYS,
                'best_F1', 'best_F1_score', *nwd)
