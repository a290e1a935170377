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
from perception_kd.evaluation.resampling.running import Amounts, Running

_BATCH = 1 << 20
"""Numbers that are looked at together, which bounds memory."""


def weighted_metrics(ranking: Ranking, weights: Ints, settings: DetectionSettings) -> tuple[Floats, Floats]:
    """AP at each distance ``(R, D)`` and true-positive errors ``(R, 5)`` of each resample; NaN without a true box.

    Args:
        ranking: Of one class.
        weights: ``(R, S)`` how often each scene is drawn.
        settings: Of the metric.
    """
    sums, recalls = _Sums.make(ranking), RECALLS[round(100 * settings.min_recall) + 1:]
    rows = max(1, _BATCH // max(len(recalls) * sums.predictions.span, len(sums.predictions.scene)))
    parts = [_batch(ranking, sums, weights[start:start + rows].astype(float), recalls, settings.min_precision)
             for start in range(0, len(weights), rows)]
    areas, errors = (np.concatenate(values) for values in zip(*parts))
    return areas, errors


@dataclass(frozen=True)
class _Sums:
    """What is summed up along a ranking.

    Args:
        predictions: All.
        hits: Those of each distance, block by block.
        strict: Hits that have errors, one by one.
        known: Of these, those of which each error is known; ``strict`` itself where all are.
        errors: Of these, the errors.
    """

    predictions: Amounts
    hits: tuple[Amounts, ...]
    strict: Amounts
    known: tuple[Amounts, ...]
    errors: tuple[Amounts, ...]

    @classmethod
    def make(cls, ranking: Ranking) -> _Sums:
        scene, scenes = ranking.scene, len(ranking.truth)
        strict = scene[ranking.hits[ranking.strict].places]
        known = np.isfinite(ranking.errors)
        every = Amounts.make(strict, np.ones(len(strict)), scenes)
        return cls(
            Amounts.make(scene, np.ones(len(scene)), scenes),
            tuple(Amounts.make(scene[hits.starts], hits.counts, scenes) for hits in ranking.hits), every,
            tuple(every if one.all() else Amounts.make(strict, one, scenes) for one in known),
            tuple(Amounts.make(strict, np.where(there, one, 0), scenes) for one, there in zip(ranking.errors, known)))


def _batch(ranking: Ranking, sums: _Sums, weights: Floats, recalls: Floats,
           min_precision: float) -> tuple[Floats, Floats]:
    total, counted = weights @ ranking.truth, Running(sums.predictions, weights)
    areas, errors = np.zeros((len(weights), len(ranking.hits))), np.ones((len(weights), len(ranking.errors)))
    for number, hits in enumerate(ranking.hits):
        if len(hits.places):
            curve = _Curve.make(hits, counted, Running(sums.hits[number], weights), total, recalls)
            areas[:, number] = np.clip(curve.precision() - min_precision, 0, None).mean(axis=1) / (1 - min_precision)
            if number == ranking.strict:
                errors = _errors(ranking, sums, weights, curve.confidence(ranking.score, counted))
    areas[total == 0], errors[total == 0] = np.nan, np.nan
    return areas, errors


@dataclass(frozen=True)
class _Curve:
    """Where the devkit's recalls lie between the hits of each resample; all ``(R, Q)``.

    Recall ``x`` lies between hit ``found`` and the next one, prediction number ``rank``, which stands at ``place`` of
    the ranking: the devkit interpolates between that one and the prediction right before it, which still has the
    recall of hit ``found``.
    """

    recall: Floats
    total: Floats
    found: Floats
    rank: Floats
    place: Ints
    inside: Mask
    at_end: Mask
    size: Floats

    @classmethod
    def make(cls, hits: Hits, counted: Running, running: Running, total: Floats, recalls: Floats) -> _Curve:
        last, whole = running.total[:, None], np.maximum(total, 1)[:, None]
        found = np.floor(recalls * whole)
        found += (found + 1) / whole <= recalls
        found -= found / whole > recalls
        inside = found < last
        at_end = (found == last) & (found / whole == recalls)
        rank, place = _rank(hits, counted, running, np.minimum(found, np.maximum(last, 1) - 1) + 1)
        return cls(recalls, whole, found, rank, place, inside, at_end, counted.total[:, None])

    def precision(self) -> Floats:
        """At the recalls, 0 beyond the highest recall."""
        low, high = self.found / np.maximum(self.rank - 1, 1), (self.found + 1) / self.rank
        value = np.where(self.rank > 1, self._between(low, high), high)
        return np.where(self.inside, value, np.where(self.at_end, self.found / np.maximum(self.size, 1), 0.0))

    def confidence(self, score: Floats, counted: Running) -> Floats:
        """Score at the recalls, 0 beyond the highest recall."""
        before, end = (score[counted.search(np.maximum(rank, 1), 'left').clip(max=len(score) - 1)]
                       for rank in (self.rank - 1, self.size))
        value = self._between(before, score[self.place])
        return np.where(self.inside, value, np.where(self.at_end, end, 0.0))

    def _between(self, low: Floats, high: Floats) -> Floats:
        start = self.found / self.total
        return (high - low) / ((self.found + 1) / self.total - start) * (self.recall - start) + low


def _rank(hits: Hits, counted: Running, running: Running, number: Floats) -> tuple[Floats, Ints]:
    """How many predictions there are up to hit ``number`` (from 1) of each resample, itself included ``(R, Q)``.

    And the hit's place in the ranking.
    """
    block = running.search(number, 'left').clip(max=len(hits.starts) - 1)
    start = hits.starts[block]
    copy, which = np.divmod(number - 1 - running.at(block), hits.counts[block])
    place = hits.places[hits.first[block] + which.astype(np.int64)]
    return counted.at(start) + copy * hits.sizes[block] + place - start + 1, place


def _errors(ranking: Ranking, sums: _Sums, weights: Floats, confidence: Floats) -> Floats:
    """``(R, 5)`` running means of the errors at the confidences that belong to the recalls, averaged over these.

    Args:
        ranking: Of the class.
        sums: Of the ranking.
        weights: ``(R, S)``.
        confidence: ``(R, Q)``.
    """
    reached = np.flip(np.maximum.accumulate(np.flip(confidence != 0, axis=1), axis=1), axis=1)
    score = ranking.score[ranking.hits[ranking.strict].places]
    there, values = Running(sums.strict, weights), []
    above, next_hit, share = _between_hits(score, there, confidence)
    for error, known in zip(sums.errors, sums.known):
        counts = there if known is sums.strict else Running(known, weights)
        total, count = Running(error, weights).at(above), counts.at(above)
        at_next = _divide(total + error.of(next_hit), count + known.of(next_hit))
        mean = (_divide(total, count) - at_next) * share + at_next
        mean = np.where(counts.total[:, None] == 0, 1.0, mean)
        values.append(_divide((mean * reached).sum(axis=1), reached.sum(axis=1), empty=1.0))
    return np.stack(values, axis=1)


def _between_hits(score: Floats, there: Running, confidence: Floats) -> tuple[Ints, Ints, Floats]:
    """Where confidences lie between the scores of the hits ``(T,)``; the devkit interpolates between the two nearest.

    Args:
        score: Falling.
        there: Number of hits of each resample.
        confidence: ``(R, Q)``.

    Returns:
        Each ``(R, Q)``: how many places of ``score`` are above; place of the first hit of the resample that is not, of
        whose copies the first counts; and the share of the mean over all that are above, the rest being that of the
        mean up to and with this first copy. Beyond the ends, only one of the two counts.
    """
    above = np.searchsorted(-score, -confidence, side='left')
    before = there.at(above)
    next_hit, last_hit = (there.search(before, side) for side in ('right', 'left'))
    none_left = next_hit >= len(score)
    next_hit, last_hit = next_hit.clip(max=len(score) - 1), last_hit.clip(max=len(score) - 1)
    share = _divide(confidence - score[next_hit], score[last_hit] - score[next_hit])
    return above, next_hit, np.where(none_left, 1.0, np.where(before == 0, 0.0, share))


def _divide(above: NDArray, below: NDArray, empty: float = 0.0) -> Floats:
    return np.divide(above, below, out=np.full(np.shape(above), empty), where=below != 0)
