"""One picture with its boxes, and what became of each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.uav.boxes import Floats, overlaps
from perception_kd.evaluation.uav.matching import FALSE_ALARM, match
from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.truth import TrueBoxes

MATCH, MISS, ALARM, TARGET, REGION = 'match', 'miss', 'false alarm', 'target', 'ignored'


@dataclass(frozen=True)
class Item:
    """A box to draw.

    Args:
        kind: ``MATCH`` or ``ALARM`` of predictions; ``MISS``, ``TARGET`` (found, or nothing was predicted at all) or
            ``REGION`` of truth.
        box: Left, top, width, height, px.
        score: Of a prediction; None of truth.
        iou: With its target, of a match; else None.
    """

    kind: str
    box: tuple[float, float, float, float]
    score: float | None = None
    iou: float | None = None

    @property
    def side(self) -> float:
        """Root of the area, px."""
        return math.sqrt(max(self.box[2] * self.box[3], 0))

    @property
    def centre(self) -> tuple[float, float]:
        """px."""
        return self.box[0] + self.box[2] / 2, self.box[1] + self.box[3] / 2


@dataclass(frozen=True, kw_only=True)
class UAVView:
    """A picture to draw.

    Args:
        title: What it is called.
        picture: (H, W, 3) RGB.
        truth: Its targets.
        predicted: At the threshold of deployment; None: draw the targets alone.
        iou: Least IoU of a match.
    """

    title: str
    picture: NDArray[np.uint8]
    truth: TrueBoxes
    predicted: Predicted | None = None
    iou: float = 0.5

    def items(self) -> list[Item]:
        """Boxes in the order in which a reader wants them: what is wrong first, the smallest first."""
        found = [Item(REGION, tuple(box)) for box in self.truth.boxes[self.truth.ignored].tolist()]
        if self.predicted is None:
            found += [Item(TARGET, tuple(box)) for box in self.truth.counted.tolist()]
        else:
            for label in np.unique([*self.truth.labels, *self.predicted.labels]):
                found += self._judged(self.truth.labels == label, self.predicted.labels == label)
        order = (MISS, ALARM, MATCH, TARGET, REGION)
        return sorted(found, key=lambda one: (order.index(one.kind), one.side))

    def _judged(self, mine: NDArray[np.bool_], theirs: NDArray[np.bool_]) -> list[Item]:
        """Of one class: which targets, and which predictions."""
        true, ignored = self.truth.boxes[mine], self.truth.ignored[mine]
        boxes, scores = self.predicted.boxes[theirs], self.predicted.scores[theirs]
        likeness: Floats = overlaps(boxes, true, ignored)
        matching = match(scores, likeness, self.iou, ignored)
        found = [Item(MISS if finder < 0 else TARGET, tuple(box))
                 for box, finder in zip(true[~ignored].tolist(), matching.found_by[~ignored])]
        for index, (box, goal) in enumerate(zip(boxes.tolist(), matching.truth_of)):
            if goal > FALSE_ALARM:
                found.append(Item(MATCH, tuple(box), float(scores[index]), float(likeness[index, goal])))
            elif goal == FALSE_ALARM:
                found.append(Item(ALARM, tuple(box), float(scores[index])))
        return found


def told(items: list[Item]) -> str:
    """How many of each kind."""
    counts = {kind: sum(one.kind == kind for one in items) for kind in (MATCH, MISS, ALARM, TARGET, REGION)}
    if not (counts[MATCH] or counts[MISS] or counts[ALARM]):
        targets = f'{counts[TARGET]} target{"s" * (counts[TARGET] != 1)}' if counts[TARGET] else 'no target'
        return targets + _regions(counts[REGION])
    words = [f'{counts[MATCH]} found' if counts[MATCH] else '', f'{counts[MISS]} missed' if counts[MISS] else '',
             f'{counts[ALARM]} false alarm{"s" * (counts[ALARM] != 1)}' if counts[ALARM] else '']
    return ', '.join(filter(None, words)) + _regions(counts[REGION])


def _regions(count: int) -> str:
    return f', {count} ignored region{"s" * (count != 1)}' if count else ''
