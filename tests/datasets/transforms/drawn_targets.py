"""Pictures with coloured rectangles as targets, and where they are found again by their pixels alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from perception_kd.datasets.transforms.uav_boxes import put_boxes

GREY = 114
COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (255, 0, 255), (0, 255, 255), (255, 255, 255),
           (0, 0, 0)]


def drawn(boxes: Sequence[Sequence[int]], *, shape: tuple[int, int] = (96, 128), colours: Sequence[int] = (),
          ignored: Sequence[bool] = ()) -> dict[str, Any]:
    """A sample of grey with whole-pixel rectangles in the colours of ``COLOURS``; labels are those colours."""
    colours = list(colours) or list(range(len(boxes)))
    picture = np.full((*shape, 3), GREY, np.uint8)
    for (x1, y1, x2, y2), colour in zip(boxes, colours):
        picture[y1:y2, x1:x2] = COLOURS[colour]
    results = dict(img=picture, img_shape=shape, ori_shape=shape, gt_bboxes_labels=np.array(colours, np.int64),
                   gt_ignore_flags=np.array(list(ignored) or [False] * len(boxes)))
    put_boxes(results, np.array(boxes, np.float64).reshape(-1, 4))
    return results


def ink(picture: np.ndarray, colour: int) -> np.ndarray:
    """How much of a colour there is in each pixel (H, W), 0 to 1; mixtures with grey only."""
    step = np.array(COLOURS[colour], np.float64) - GREY
    return np.clip(((picture.astype(np.float64) - GREY) / step).min(axis=-1), 0, 1)


def hull(amount: np.ndarray, least: float) -> np.ndarray | None:
    """Box (4,) of edges around the pixels with more than ``least``; None without any."""
    rows, columns = np.nonzero(amount > least)
    return np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]) if len(rows) else None


def check_pixels(results: dict[str, Any], colours: Sequence[int], *, spread: float = 1.5) -> None:
    """See that each box holds the pixels of its colour, within 1 px, and that no colour is on the picture without."""
    boxes, labels = results['gt_bboxes'].tensor.numpy(), list(results['gt_bboxes_labels'])
    for colour in colours:
        amount = ink(results['img'], colour)
        if colour not in labels:
            assert amount.max() < 0.6, f'colour {colour} is drawn and has no box'
            continue
        box = boxes[labels.index(colour)]
        faint, strong = hull(amount, 0.05), hull(amount, 0.5)
        if strong is not None and min(box[2:] - box[:2]) >= 2:
            assert np.abs(strong - box).max() <= 1.01, (colour, strong, box)
        elif not results['gt_ignore_flags'][labels.index(colour)]:
            assert faint is not None, f'colour {colour} has a box of {box} and no pixel'
        if faint is not None:
            assert (faint[:2] >= box[:2] - spread).all() and (faint[2:] <= box[2:] + spread).all(), (colour, faint, box)


def account(results: dict[str, Any]) -> int:
    """Boxes of a sample, those that left the picture included."""
    return len(results['gt_bboxes']) + results.get('left_picture', 0)
