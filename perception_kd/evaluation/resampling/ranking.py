"""The predictions of one class in falling score, with what they have met: all that resamples of scenes need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays, Floats, Ints
from perception_kd.evaluation.fast.errors import TP_METRICS, pair_errors
from perception_kd.evaluation.fast.matching import match
from perception_kd.evaluation.fast.settings import DetectionSettings


@dataclass(frozen=True)
class Hits:
    """The predictions of a class that meet a true box within one distance.

    Predictions of one key frame with the same score stand side by side: a *block*. Where the frame is repeated, the
    block is repeated as a whole.

    Args:
        places: ``(T,)`` places in the ranking, rising.
        starts: ``(K,)`` place at which each block with a hit starts.
        sizes: ``(K,)`` predictions in it.
        counts: ``(K,)`` hits in it.
        first: ``(K,)`` place of its first hit in ``places``.
    """

    places: Ints
    starts: Ints
    sizes: Ints
    counts: Ints
    first: Ints

    @classmethod
    def make(cls, places: Ints, block: Ints) -> Hits:
        """Args: ``places`` as above; ``block``, ``(N,)`` the place at which each prediction's block starts."""
        starts, first, counts = np.unique(block[places], return_index=True, return_counts=True)
        return cls(places, starts, np.searchsorted(block, starts, side='right') - starts, counts, first)


@dataclass(frozen=True)
class Ranking:
    """The predictions of one class in the devkit's order: by falling score, among equals the last one first.

    Args:
        score: ``(N,)``.
        frame: ``(N,)`` the key frame of each.
        scene: ``(N,)`` number of the scene of each.
        hits: By matching distance.
        strict: Which of ``hits`` the true-positive errors are of.
        errors: ``(5, T)`` errors of those hits in the order of ``TP_METRICS``; NaN where there is none.
        truth: ``(S,)`` true boxes in each scene.
    """

    score: Floats
    frame: Ints
    scene: Ints
    hits: tuple[Hits, ...]
    strict: int
    errors: Floats
    truth: Ints

    @classmethod
    def make(cls, score: Floats, frame: Ints, scene: Ints, places: Sequence[Ints], strict: int, errors: Floats,
             truth: Ints, side: NDArray | int = 0) -> Ranking:
        """Find the blocks of equal score (and ``side``, where two models are ranked together)."""
        key = np.stack([score, frame, np.broadcast_to(side, score.shape)])
        new = np.append(True, (key[:, 1:] != key[:, :-1]).any(axis=0))[:len(score)]
        block = np.maximum.accumulate(np.where(new, np.arange(len(score)), 0))
        return cls(score, frame, scene, tuple(Hits.make(one, block) for one in places), strict, errors, truth)


def rank(truth: BoxArrays, predicted: BoxArrays, scene: Ints, settings: DetectionSettings) -> dict[str, Ranking]:
    """The ranking of every class.

    Args:
        truth, predicted: Boxes that count.
        scene: ``(F,)`` number of the scene of each key frame.
        settings: Of the metric.
    """
    matches, strict = match(truth, predicted, settings.dist_ths), list(settings.dist_ths).index(settings.dist_th_tp)
    scenes, found = int(scene.max()) + 1, {}
    for name in settings.class_range:
        places, met = matches.of_class(LABELS[name])
        hit = met[strict] >= 0
        errors = pair_errors(truth.take(met[strict, hit]), predicted.take(places[hit]))
        frame = predicted.frame[places]
        found[name] = Ranking.make(
            predicted.score[places], frame, scene[frame], [np.flatnonzero(row >= 0) for row in met], strict,
            np.stack([errors[key] for key in TP_METRICS]),
            np.bincount(scene[truth.frame[truth.label == LABELS[name]]], minlength=scenes))
    return found


def merge(first: Ranking, second: Ranking) -> Ranking:
    """Two models' predictions of a class in one ranking of twice the scenes: those of the second come after the first.

    With weights 1 or 0 that choose one of a scene's two places, this is the data set in which each scene is answered
    by one of the models.
    """
    count, scenes = len(first.score), len(first.truth)
    score, frame = np.append(first.score, second.score), np.append(first.frame, second.frame)
    scene, side = np.append(first.scene, second.scene + scenes), np.arange(len(score)) >= count
    order = np.lexsort((side, -frame, -score))  # stable: a model's own order stays among equals of a key frame
    new = np.empty(len(order), np.int64)
    new[order] = np.arange(len(order))
    both = [np.append(new[one.places], new[count + other.places]) for one, other in zip(first.hits, second.hits)]
    by_place = np.argsort(both[first.strict])
    errors = np.concatenate([first.errors, second.errors], axis=1)[:, by_place]
    return Ranking.make(score[order], frame[order], scene[order], [np.sort(places) for places in both], first.strict,
                        errors, np.append(first.truth, second.truth), side[order])
