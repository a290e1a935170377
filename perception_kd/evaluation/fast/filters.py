"""The boxes that count: nuscenes-devkit's ``filter_eval_boxes`` on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays, Floats, Mask
from perception_kd.evaluation.fast.errors import rotation_matrices
from perception_kd.evaluation.fast.truth import Truth
from perception_kd.structures.classes import NUSCENES_CLASSES

_RIDDEN = [LABELS['bicycle'], LABELS['motorcycle']]
_FRONT = np.array([1, 1, 1, 1, -1, -1, -1, -1])
_LEFT = np.array([1, -1, -1, 1, 1, -1, -1, 1])
_UP = np.array([1, 1, -1, -1, 1, 1, -1, -1])


def filter_truth(truth: Truth, class_range: Mapping[str, float]) -> Truth:
    """The true boxes that count; see :func:`counting`."""
    return truth.take(counting(truth.boxes, truth.racks, class_range))


def filter_boxes(boxes: BoxArrays, racks: BoxArrays, class_range: Mapping[str, float]) -> BoxArrays:
    """The boxes that count, predicted ones, say; see :func:`counting`."""
    return boxes.take(counting(boxes, racks, class_range))


def counting(boxes: BoxArrays, racks: BoxArrays, class_range: Mapping[str, float]) -> Mask:
    """``(N,)`` which boxes count.

    That are those nearer to the ego than the range of their class, but for boxes with ``num_pts`` 0 and for bicycles
    and motorcycles whose centre lies in a bicycle rack of their key frame, true or predicted.

    Args:
        boxes: True or predicted.
        racks: Bicycle racks of the same key frames.
        class_range: Class name -> m.
    """
    reach = np.array([class_range[name] for name in NUSCENES_CLASSES], np.float64)
    good = (boxes.ego_distance < reach[boxes.label]) & (boxes.num_pts != 0)
    ridden = np.flatnonzero(good & np.isin(boxes.label, _RIDDEN))
    if len(racks) and len(ridden):
        good[ridden[_in_a_rack(boxes.take(ridden), racks)]] = False
    return good


def _in_a_rack(boxes: BoxArrays, racks: BoxArrays) -> Mask:
    inside = np.zeros(len(boxes), bool)
    by_frame = np.argsort(boxes.frame, kind='stable')
    first, last = (np.searchsorted(boxes.frame[by_frame], racks.frame, side=side) for side in ('left', 'right'))
    half = np.sqrt((racks.size**2).sum(axis=1)) / 2
    turns = rotation_matrices(racks.rotation)
    for rack in np.flatnonzero(first < last):
        places = by_frame[first[rack]:last[rack]]
        offset = boxes.translation[places] - racks.translation[rack]
        near = places[(np.abs(offset) <= half[rack] * (1 + 1e-6)).all(axis=1)]
        if len(near):
            box = _corners(racks.translation[rack], racks.size[rack], turns[rack])
            inside[near] |= [_holds(box, boxes.translation[place]) for place in near]
    return inside


def _corners(centre: Floats, size: Floats, turn: Floats) -> Floats:
    """``(3, 8)``, the devkit's order: the four in front first."""
    width, length, height = size
    return np.dot(turn, np.stack([length / 2 * _FRONT, width / 2 * _LEFT, height / 2 * _UP])) + centre[:, None]


def _holds(corners: Floats, point: Sequence[float]) -> bool:
    """Whether a box holds a point: its place along the three edges at one corner, in the devkit's arithmetic."""
    corner = corners[:, 0]
    offset = np.reshape(point, (3, 1)) - corner[:, None]
    for other in (4, 1, 3):
        edge = corners[:, other] - corner
        along = np.dot(edge, offset)[0]
        if not 0 <= along <= np.dot(edge, edge):
            return False
    return True
