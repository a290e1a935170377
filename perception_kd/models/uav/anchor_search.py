"""Anchors that fit the boxes of a data set: k-means, then evolution, as YOLOv5 fits them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LIMIT = 4.0  # largest ratio of the sides of a box and an anchor that learns it, see anchor_assign
ROUNDS = 30
MUTATED, STRONGEST = 0.15, 0.2  # share of the sides; deviation of the logarithm of the factor, at most
LEAST_SIDE = 2.0  # px, of an anchor


@dataclass(frozen=True)
class AnchorFit:
    """How anchors fit boxes.

    Attributes:
        recall: Best possible recall: share of boxes that an anchor fits; others go to the nearest, however unlike.
        fitness: Mean over boxes of 1 / (smallest ratio to an anchor), boxes that none fits as 0.
        matches: Anchors that fit a box, in the mean.
    """

    recall: float
    fitness: float
    matches: float

    def __str__(self) -> str:
        return (f'best possible recall {self.recall:.4f}, fitness {self.fitness:.4f}, {self.matches:.2f} anchors a box')


def ratios(sizes: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """``max(w/w_a, w_a/w, h/h_a, h_a/h)`` of boxes ``(N, 2)`` and anchors ``(A, 2)``: ``(N, A)``."""
    ratio = sizes[:, None] / anchors[None]
    return np.maximum(ratio, 1 / ratio).max(-1)


def fit_of(sizes: np.ndarray, anchors: np.ndarray, limit: float = LIMIT) -> AnchorFit:
    """How well anchors ``(A, 2)`` fit boxes ``(N, 2)``, both px of the network input."""
    found = ratios(sizes, anchors)
    best = found.min(1)
    return AnchorFit(recall=float((best < limit).mean()), fitness=float(((best < limit) / best).mean()),
                     matches=float((found < limit).sum(1).mean()))


def cluster(sizes: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``(count, 2)`` centres of Lloyd's k-means on the logarithms of the sides, in which a ratio is a distance.

    Begins with k-means++ (Arthur and Vassilvitskii, SODA 2007).
    """
    points = np.log(sizes)
    centres = points[rng.integers(len(points))][None]
    while len(centres) < count:
        away = np.square(points[:, None] - centres).sum(-1).min(1)
        share = away / away.sum() if away.sum() > 0 else None
        centres = np.concatenate([centres, points[rng.choice(len(points), p=share)][None]])
    for _ in range(ROUNDS):
        nearest = np.square(points[:, None] - centres).sum(-1).argmin(1)
        centres = np.stack([points[nearest == index].mean(0) if (nearest == index).any() else centre
                            for index, centre in enumerate(centres)])
    return np.exp(centres)


def evolve(sizes: np.ndarray, anchors: np.ndarray, rng: np.random.Generator, generations: int,
           limit: float = LIMIT) -> np.ndarray:
    """Anchors after mutations, each kept where the fitness grows: ``(A, 2)``."""
    best = fit_of(sizes, anchors, limit).fitness
    for _ in range(generations):
        changed = rng.random(anchors.shape) < MUTATED
        factor = np.exp(rng.normal(0, STRONGEST * rng.random(), anchors.shape) * changed)
        tried = np.maximum(anchors * factor, LEAST_SIDE)
        fitness = fit_of(sizes, tried, limit).fitness
        if fitness > best:
            anchors, best = tried, fitness
    return anchors


def search_anchors(sizes: np.ndarray, *, levels: int, per_level: int = 3, generations: int = 1000,
                   limit: float = LIMIT, seed: int = 0) -> list[list[list[float]]]:
    """Anchors by level, fine to coarse, each ``[w, h]`` in tenths of px, small ones first.

    Args:
        sizes: ``(N, 2)`` widths and heights, px of the network input.
        levels: Of the head.
        per_level: Anchors of one.
        generations: Of the evolution.
        limit: Of the ratio.
        seed: Of the random numbers.

    Raises:
        ValueError: fewer boxes than anchors, or boxes that are not finite and above 0.
    """
    sizes, count = np.asarray(sizes, dtype=np.float64), levels * per_level
    if sizes.ndim != 2 or sizes.shape[1] != 2 or len(sizes) < count:
        raise ValueError(f'{count} anchors need as many boxes at least, there are {len(sizes)}')
    if not (np.isfinite(sizes).all() and (sizes > 0).all()):
        raise ValueError('boxes to fit anchors to are finite and have both sides above 0')
    rng = np.random.default_rng(seed)
    anchors = evolve(sizes, np.maximum(cluster(sizes, count, rng), LEAST_SIDE), rng, generations, limit)
    ordered = anchors[np.argsort(anchors.prod(1))].round(1)
    return ordered.reshape(levels, per_level, 2).tolist()


def flat(anchors: Sequence[Sequence[Sequence[float]]]) -> np.ndarray:
    """Anchors by level as ``(A, 2)``."""
    return np.asarray([anchor for level in anchors for anchor in level], dtype=np.float64)
