"""AP and true-positive errors of data sets in which scenes stand several times or not at all, from one matching.

Key frames are matched one by one, so a scene that is drawn three times has its matches three times, and only the
running counts behind precision, recall and errors change. What is computed here for a resample is what nuscenes-devkit
computes for the data set in which every key frame of a scene stands as often in a row as the scene is drawn; also the
order of equal scores, which the devkit takes from the order of the key frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.fast.boxes import Floats, Ints, Mask
from perception_kd.evaluation.fast.curves import RECALLS
from perception_kd.evaluation.fast.settings import DetectionSettings
from perception_kd.evaluation.resampling.ranking import Hits, Ranking

_BATCH = 1 << 18
"""Predictions times resamples that are looked at together: few enough for a processor's cache."""


def weighted_metrics(ranking: Ranking, weights: Ints, settings: DetectionSettings) -> tuple[Floats, Floats]:
    """AP at each distance ``(R, D)`` and true-positive errors ``(R, 5)`` of each resample; NaN without a true box.

    Args:
        ranking: Of one class.
        weights: ``(R, S)`` how often each scene is drawn.
        settings: Of the metric.
    """
    rows = max(1, _BATCH // max(1, len(ranking.score)))
    small = len(ranking.score) * weights.max(initial=1) < 1 << 31  # half the memory to go through
    weights = weights.astype(np.int32 if small else np.int64)
    parts = [_batch(ranking, weights[start:start + rows], settings) for start in range(0, len(weights), rows)]
    areas, errors = (np.concatenate(values) for values in zip(*parts))
    return areas, errors


def _batch(ranking: Ranking, weights: Ints, settings: DetectionSettings) -> tuple[Floats, Floats]:
    total = weights @ ranking.truth
    drawn = np.take(weights, ranking.scene, axis=1)
    counted = np.cumsum(drawn, axis=1, dtype=drawn.dtype)
    areas, errors = np.zeros((len(weights), len(ranking.hits))), np.ones((len(weights), len(ranking.errors)))
    for number, hits in enumerate(ranking.hits):
        if len(hits.places):
            curve = _Curve.make(hits, drawn, counted, total, RECALLS[round(100 * settings.min_recall) + 1:])
            above = np.clip(curve.precision() - settings.min_precision, 0, None)
            areas[:, number] = above.mean(axis=1) / (1 - settings.min_precision)
            if number == ranking.strict:
                errors = _errors(ranking, drawn[:, hits.places], curve.confidence(ranking.score, counted))
    areas[total == 0], errors[total == 0] = np.nan, np.nan
    return areas, errors


@dataclass(frozen=True)
class _Curve:
    """Where the devkit's recalls lie between the hits of each resample; all ``(R, Q)``.

    Recall ``x`` lies between hit ``found`` and the next one, prediction number ``rank``: the devkit interpolates
    between that one and the prediction right before it, which still has the recall of hit ``found``.
    """

    recall: Floats
    total: Floats
    found: Ints
    rank: Ints
    inside: Mask
    at_end: Mask
    size: Ints

    @classmethod
    def make(cls, hits: Hits, drawn: Ints, counted: Ints, total: Ints, recalls: Floats) -> _Curve:
        running = np.cumsum(drawn[:, hits.starts] * hits.counts, axis=1, dtype=drawn.dtype)
        last, whole = running[:, -1:], np.maximum(total, 1)[:, None].astype(float)
        found = np.floor(recalls * whole).astype(np.int64)
        found += (found + 1) / whole <= recalls
        found -= found / whole > recalls
        inside = found < last
        at_end = (found == last) & (found / whole == recalls)
        rank = _rank(hits, drawn, counted, running, np.minimum(found, np.maximum(last, 1) - 1) + 1)
        return cls(recalls, whole, found, rank, inside, at_end, counted[:, -1:])

    def precision(self) -> Floats:
        """At the recalls, 0 beyond the highest recall."""
        low, high = self.found / np.maximum(self.rank - 1, 1), (self.found + 1) / self.rank
        value = np.where(self.rank > 1, self._between(low, high), high)
        return np.where(self.inside, value, np.where(self.at_end, self.found / np.maximum(self.size, 1), 0.0))

    def confidence(self, score: Floats, counted: Ints) -> Floats:
        """Score at the recalls, 0 beyond the highest recall."""
        before, there = (score[_search(counted, np.maximum(rank, 1), 'left').clip(max=len(score) - 1)]
                         for rank in (self.rank - 1, self.rank))
        end = score[_search(counted, self.size, 'left').clip(max=len(score) - 1)]
        return np.where(self.inside, self._between(before, there), np.where(self.at_end, end, 0.0))

    def _between(self, low: Floats, high: Floats) -> Floats:
        start = self.found / self.total
        return (high - low) / ((self.found + 1) / self.total - start) * (self.recall - start) + low


def _rank(hits: Hits, drawn: Ints, counted: Ints, running: Ints, number: Ints) -> Ints:
    """How many predictions there are up to hit ``number`` (from 1) of each resample, itself included ``(R, Q)``."""
    block = _search(running, number, 'left').clip(max=running.shape[1] - 1)
    start, count = hits.starts[block], hits.counts[block]
    weight = np.take_along_axis(drawn, start, axis=1)
    left = number - 1 - (np.take_along_axis(running, block, axis=1) - weight * count)
    copy, which = np.divmod(left, count)
    offset = hits.places[hits.first[block] + which] - start
    return np.take_along_axis(counted, start, axis=1) - weight + copy * hits.sizes[block] + offset + 1


def _errors(ranking: Ranking, weight: Ints, confidence: Floats) -> Floats:
    """``(R, 5)`` running means of the errors at the confidences that belong to the recalls, averaged over these.

    Args:
        ranking: Of the class.
        weight: ``(R, T)`` how often each hit is there.
        confidence: ``(R, Q)``.
    """
    reached = np.flip(np.maximum.accumulate(np.flip(confidence != 0, axis=1), axis=1), axis=1)
    there = np.cumsum(weight, axis=1, dtype=weight.dtype)
    above, next_hit, share = _between_hits(ranking.score[ranking.hits[ranking.strict].places], there, confidence)
    values = []
    for error in ranking.errors:
        known = np.isfinite(error)
        value = np.where(known, error, 0)
        sums = np.cumsum(weight * value, axis=1)
        counts = there if known.all() else np.cumsum(weight * known, axis=1)
        total, count = _at(sums, above), _at(counts, above)
        at_next = _divide(total + value[next_hit], count + known[next_hit])
        mean = (_divide(total, count) - at_next) * share + at_next
        mean = np.where(counts[:, -1:] == 0, 1.0, mean)
        values.append(_divide((mean * reached).sum(axis=1), reached.sum(axis=1), empty=1.0))
    return np.stack(values, axis=1)


def _between_hits(score: Floats, there: Ints, confidence: Floats) -> tuple[Ints, Ints, Floats]:
    """Where confidences lie between the scores of the hits ``(T,)``; the devkit interpolates between the two nearest.

    Args:
        score: Falling.
        there: ``(R, T)`` running number of hits of each resample.
        confidence: ``(R, Q)``.

    Returns:
        Each ``(R, Q)``: how many places of ``score`` are above; place of the first hit of the resample that is not, of
        whose copies the first counts; and the share of the mean over all that are above, the rest being that of the
        mean up to and with this first copy. Beyond the ends, only one of the two counts.
    """
    above = np.searchsorted(-score, -confidence, side='left')
    before = _at(there, above)
    next_hit, last_hit = (_search(there, before, side) for side in ('right', 'left'))
    none_left = next_hit >= len(score)
    next_hit, last_hit = next_hit.clip(max=len(score) - 1), last_hit.clip(max=len(score) - 1)
    share = _divide(confidence - score[next_hit], score[last_hit] - score[next_hit])
    return above, next_hit, np.where(none_left, 1.0, np.where(before == 0, 0.0, share))


def _at(running: NDArray, count: Ints) -> NDArray:
    """Running sums after the first ``count`` columns."""
    return np.where(count > 0, np.take_along_axis(running, np.maximum(count - 1, 0), axis=1), 0)


def _divide(above: NDArray, below: NDArray, empty: float = 0.0) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), empty), where=below != 0)


def _search(rows: Ints, wanted: Ints, side: str) -> Ints:
    """Place of each value in its own rising row."""
    return np.stack([np.searchsorted(row, value, side=side) for row, value in zip(rows, wanted)])
