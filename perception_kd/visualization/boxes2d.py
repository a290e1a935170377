"""Boxes, labels and a close-up on photographs, drawn with OpenCV: tiny targets stay visible inside of their boxes."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from perception_kd.visualization.palette import SAFE, Colour, halo_of

Picture = NDArray[np.uint8]
COLOURS: tuple[Colour, ...] = tuple(SAFE.of(name) for name in (
    'bus', 'car', 'truck', 'bicycle', 'pedestrian', 'trailer', 'construction_vehicle', 'motorcycle', 'barrier'))
"""For tracks and classes, one after another; safe for the colour-blind."""
_NONE = np.zeros((0, 4))
_GAP = 2  # px between a target and its box: a line on a target of 6 px would be all that is seen
_FONT, _TEXT_SIZE, _PAD = cv2.FONT_HERSHEY_SIMPLEX, 0.42, 3


def colour_of(number: int) -> Colour:
    """RGB in 0..1 of a track or class; the grey of nothing for one below 0."""
    return SAFE.of('barrier') if number < 0 else COLOURS[number % len(COLOURS)]


def draw_boxes(image: Picture, boxes: NDArray[np.floating], labels: Sequence[str] | None = None,
               scores: Sequence[float] | None = None, colors: Sequence[Colour] | None = None, *,
               thickness: int | None = None, gap: int = _GAP, text_size: float | None = None) -> Picture:
    """A copy with boxes around the targets, not on them, and a text above each, where there is room for one.

    Args:
        image: ``(H, W, 3)`` uint8 RGB.
        boxes: ``(N, 4)`` xyxy px.
        labels: A text a box.
        scores: Numbers that are put after the texts.
        colors: A colour a box, RGB in 0..1; None: the first of ``COLOURS``.
        thickness: Of lines, px; None: by the size of the picture.
        gap: Px between a target and the line around it.
        text_size: Of OpenCV's font; None: by the size of the picture.

    Raises:
        ValueError: lists of another length than that of the boxes, or a picture of another form.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    _check(image, len(boxes), labels=labels, scores=scores, colors=colors)
    drawn, scale = np.ascontiguousarray(image).copy(), _scale(image)
    thickness = thickness or round(2 * scale)
    seen = [index for index in range(len(boxes)) if np.isfinite(boxes[index]).all()]
    outlines = {index: _outline(boxes[index], gap, image.shape) for index in seen}
    for index in reversed(seen):  # the strongest come first, and are drawn last
        colour = colors[index] if colors is not None else COLOURS[0]
        _frame(drawn, *outlines[index], colour, thickness)
    taken = np.array([(*low, *high) for low, high in outlines.values()]).reshape(-1, 4)
    for index in seen:
        text = ' '.join(filter(None, (labels[index] if labels is not None else '',
                                      f'{scores[index]:.2f}' if scores is not None else '')))
        if text:
            colour = colors[index] if colors is not None else COLOURS[0]
            plate = _write(drawn, text, outlines[index], colour, text_size or _TEXT_SIZE * scale, taken, thickness + 1)
            taken = np.vstack([taken, plate])
    return drawn


def draw_inset(image: Picture, source: Picture, box: Sequence[float], *, factor: int = 4, part: float = 0.28,
               colour: Colour = COLOURS[0], others: NDArray[np.floating] = _NONE) -> Picture:
    """A copy with a close-up of a target in the corner that hides least; of several the one farthest from the target.

    Args:
        image: ``(H, W, 3)`` uint8 RGB, drawn on.
        source: The picture of the close-up, of the same size: the bare photograph.
        box: xyxy px of the target.
        factor: How many times larger.
        part: Side of the close-up, of the shorter side of the picture.
        colour: Of its frame, RGB in 0..1.
        others: ``(N, 4)`` xyxy px, all boxes that were drawn.
    """
    height, width = image.shape[:2]
    side = int(part * min(height, width)) // factor * factor
    if side < 4 * factor or not np.isfinite(box).all():
        return image.copy()
    reach = side // factor
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, top = (int(np.clip(round(place - reach / 2), 0, size - reach)) for place, size in ((x, width), (y, height)))
    view = cv2.resize(source[top:top + reach, left:left + reach], (side, side), interpolation=cv2.INTER_NEAREST)
    drawn, edge = image.copy(), 4
    corners = [(column, row, column + side, row + side) for column in (edge, width - side - edge)
               for row in (edge, height - side - edge)]
    column, row, right, bottom = min(corners, key=lambda corner: (
        _shared(corner, np.vstack([box, others])),
        -np.hypot((corner[0] + corner[2]) / 2 - x, (corner[1] + corner[3]) / 2 - y)))
    drawn[row:bottom, column:right] = view
    _frame(drawn, (column - 1, row - 1), (right, bottom), colour, 1)
    return drawn


def _frame(drawn: Picture, low: tuple[int, int], high: tuple[int, int], colour: Colour, thickness: int) -> None:
    """A rectangle whose line grows outwards, with a rim that stands out from it."""
    for step in range(thickness + 1):
        shade = halo_of(colour) if step == thickness else colour
        cv2.rectangle(drawn, (low[0] - step, low[1] - step), (high[0] + step, high[1] + step), _bytes(shade), 1)


def _outline(box: NDArray[np.float64], gap: int, shape: tuple[int, ...]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Corners of the line around a box, inside of the picture."""
    height, width = shape[:2]
    low, high = np.floor(box[:2]) - gap, np.ceil(box[2:]) + gap - 1
    limits = (width - 1, height - 1)
    return tuple(tuple(int(np.clip(value, 0, limit)) for value, limit in zip(corner, limits)) for corner in (low, high))


def _write(drawn: Picture, text: str, outline: tuple[tuple[int, int], tuple[int, int]], colour: Colour, size: float,
           taken: NDArray[np.integer], rim: int) -> tuple[int, int, int, int]:
    """Write a text on a plate of the colour, above, below or beside a box whose line is ``rim`` wide; its corners."""
    thickness = 1 if size < 0.9 else 2
    (width, height), under = cv2.getTextSize(text, _FONT, size, thickness)
    plate, rows = (width + 2 * _PAD, height + under + _PAD), drawn.shape[0]
    (x1, y1), (x2, y2) = outline
    places = ((x1 - rim, y1 - plate[1] - rim), (x1 - rim, y2 + rim), (x2 + rim, y1), (x1 - plate[0] - rim, y1))
    fitting = [(int(np.clip(x, 0, max(drawn.shape[1] - plate[0], 0))), y) for x, y in places
               if y >= 0 and y + plate[1] <= rows]
    corners = [(x, y, x + plate[0], y + plate[1]) for x, y in fitting] or [(0, 0, *plate)]
    best = min(corners, key=lambda one: _shared(one, taken))
    cv2.rectangle(drawn, best[:2], (best[2] - 1, best[3] - 1), _bytes(colour), cv2.FILLED)
    place = (best[0] + _PAD, best[3] - under - 1)
    cv2.putText(drawn, text, place, _FONT, size, _bytes(halo_of(colour)), thickness, cv2.LINE_AA)
    return best


def _shared(one: Sequence[float], others: NDArray) -> float:
    """Area that a box has in common with each of others ``(N, 4)``, summed."""
    size = np.minimum(one[2:], others[:, 2:]) - np.maximum(one[:2], others[:, :2])
    return float(size.clip(min=0).prod(-1).sum())


def _scale(image: Picture) -> float:
    """1 for pictures of up to 720 rows, growing with the size of larger ones."""
    return max(1.0, min(image.shape[:2]) / 720)


def _bytes(colour: Colour) -> tuple[int, ...]:
    return tuple(round(value * 255) for value in colour)


def _check(image: Picture, count: int, **lists: Sequence | None) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f'boxes are drawn on a picture (H, W, 3) uint8, got {image.shape} {image.dtype}')
    for name, values in lists.items():
        if values is not None and len(values) != count:
            raise ValueError(f'{count} boxes have {len(values)} {name}')
