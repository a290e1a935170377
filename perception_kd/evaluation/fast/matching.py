"""Which prediction meets which true box: nuscenes-devkit's greedy matching, for all classes and distances at once.

The devkit takes the predictions of a class by falling score; each takes the nearest true box of its frame that is
left, if that is nearer than the threshold. So all true boxes prefer predictions in one common order (the score) and
predictions prefer true boxes by distance. Then the greedy result is the one stable matching, and deferred acceptance
(Gale and Shapley, "College Admissions and the Stability of Marriage", 1962) finds it in a few rounds in which
all predictions act at once: each asks its nearest true box that has not refused it, and each true box keeps the
best that has asked so far.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.fast.boxes import BoxArrays, Floats, Ints
from perception_kd.structures.classes import NUSCENES_CLASSES

_CLASSES = len(NUSCENES_CLASSES)
_CHUNK = 1 << 20  # pairs looked at together, which bounds memory


@dataclass(frozen=True)
class Matches:
    """Predictions class by class in falling score, and the true box that each has met.

    Args:
        order: ``(P,)`` places of the predictions: by label, then by falling score; of equal scores the later first,
            as the devkit sorts.
        starts: ``(11,)``: the predictions of label c are ``order[starts[c]:starts[c + 1]]``.
        true_box: ``(D, P)`` for each distance: place of the true box that prediction ``order[p]`` has met, or -1.
    """

    order: Ints
    starts: Ints
    true_box: Ints

    def of_class(self, label: int) -> tuple[Ints, Ints]:
        """``(n,)`` places of the predictions of a class, best first, and ``(D, n)`` what they have met."""
        part = slice(self.starts[label], self.starts[label + 1])
        return self.order[part], self.true_box[:, part]


def match(truth: BoxArrays, predicted: BoxArrays, distances: Sequence[float]) -> Matches:
    """Match predictions with true boxes of their class and key frame.

    Args:
        truth: True boxes; in a frame the first of equally near ones is met first, as in the devkit.
        predicted: Predictions; any order.
        distances: ``D`` thresholds in m on the distance of the centres in the plane; each is matched on its own.
    """
    order, starts = _ranking(predicted)
    true_box = np.full((len(distances), len(predicted)), -1, np.int64)
    if len(truth) and len(predicted) and len(distances):
        rank, place, distance = _near_pairs(truth, predicted, order, max(distances))
        for row, limit in enumerate(distances):
            near = distance < limit
            _defer(rank[near], place[near], true_box[row], len(truth))
    return Matches(order, starts, true_box)


def centre_distance(first: Floats, second: Floats) -> Floats:
    """``(N,)`` Euclidean distance between the rows of two ``(N, K)`` arrays, bit by bit numpy's norm of each row.

    The plain sum of squares differs from it in the last bit in one case of twelve (a fused multiply-add in
    BLAS), enough to turn a tie; ``matmul`` calls the same dot product.
    """
    difference = first - second
    return np.sqrt(np.matmul(difference[:, None, :], difference[:, :, None])[:, 0, 0])


def _ranking(predicted: BoxArrays) -> tuple[Ints, Ints]:
    by_score = np.argsort(predicted.score, kind='stable')[::-1]
    label = predicted.label[by_score].astype(np.int8)
    order = by_score[np.argsort(label, kind='stable')]
    return order, np.searchsorted(predicted.label[order], np.arange(_CLASSES + 1))


def _near_pairs(truth: BoxArrays, predicted: BoxArrays, order: Ints, reach: float) -> tuple[Ints, Ints, Floats]:
    """Pairs nearer than ``reach``: rank of the prediction (place in ``order``), place of the true box, distance.

    Sorted by rank, then by distance, then by place.
    """
    groups, wanted = (boxes.frame * _CLASSES + boxes.label for boxes in (truth, predicted))
    by_group = np.argsort(groups, kind='stable')
    counts = np.bincount(groups, minlength=wanted.max() + 1)
    ends, wanted = np.cumsum(counts), wanted[order]
    count = counts[wanted]
    true_xy, xy = truth.translation[by_group, :2], predicted.translation[order, :2]
    x, true_x = np.ascontiguousarray(xy[:, 0]), np.ascontiguousarray(true_xy[:, 0])
    found = []
    for some, places in _expand(ends[wanted] - count, count):
        close = np.abs(x[some] - true_x[places]) <= reach
        some, places = some[close], places[close]
        close = np.abs(xy[some, 1] - true_xy[places, 1]) <= reach
        some, places = some[close], places[close]
        distance = centre_distance(xy[some], true_xy[places])
        close = distance < reach
        found.append((some[close], by_group[places[close]], distance[close]))
    rank, place, distance = (np.concatenate(parts) for parts in zip(*found))
    sort = np.lexsort((place, distance, rank))
    return rank[sort], place[sort], distance[sort]


def _expand(first: Ints, count: Ints) -> Iterator[tuple[Ints, Ints]]:
    """Blocks of pairs ``(i, first[i] + k)`` for ``k < count[i]``; one empty block at least."""
    rows = np.flatnonzero(count)
    ends = np.cumsum(count[rows])
    cuts = np.searchsorted(ends, np.arange(0, ends[-1] if len(ends) else 0, _CHUNK), side='left')
    for part in np.split(rows, cuts[1:]):
        many = count[part]
        within = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield np.repeat(part, many), np.repeat(first[part], many) + within


def _defer(rank: Ints, place: Ints, result: Ints, true_boxes: int) -> None:
    """Deferred acceptance; writes the true box that each rank has met into ``result``.

    Args:
        rank, place: Pairs sorted by rank and by what the prediction of that rank likes best.
        result: ``(P,)``, -1 where nothing is met.
        true_boxes: How many there are.
    """
    asking, begin = np.unique(rank, return_index=True)
    end = np.append(begin[1:], len(rank))
    nobody = len(asking)
    holder = np.full(true_boxes, nobody)
    active = np.arange(nobody)
    while len(active):
        asked = place[begin[active]]
        before = holder[asked]
        np.minimum.at(holder, asked, active)
        after = holder[asked]
        refused = active[after != active]
        dropped = np.unique(before[(before != after) & (before != nobody)])
        active = np.concatenate([refused, dropped])
        begin[active] += 1
        active = active[begin[active] < end[active]]
    kept = np.flatnonzero(holder != nobody)
    result[asking[holder[kept]]] = kept
