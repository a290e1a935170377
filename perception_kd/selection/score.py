"""GRACE: how small and how alike a teacher's gradients are, from their projections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

SMOOTHING = 1e-3


@dataclass(frozen=True)
class GraceScore:
    """A teacher's score and what it is made of.

    Args:
        score: ``mean_splits tr(Sigma_ref^-1 Sigma_test)``; lower is better.
        directions: The same with test gradients of length 1, which a factor before the loss does not change.
        parts: ``(N,)``: what each sample adds: their mean is the score.
        norm: Mean length of the gradients.
        consistency: Mean cosine between gradients of different samples, in [-1, 1].
    """

    score: float
    directions: float
    parts: Tensor
    norm: float
    consistency: float


def grace(gradients: Tensor, *, splits: int = 10, smoothing: float = SMOOTHING, seed: int = 0) -> GraceScore:
    """Score projected gradients (GRACE, arXiv 2511.02833, ICLR 2026).

    The samples are dealt out to ``splits`` parts. Each is held out once: of the others' gradients, scaled to length 1,
    ``Sigma_ref = G^T G / n``, whose eigenvalues w become ``(1 - s) w + s mean(w)``; of the held-out ones, as long as
    they are, ``Sigma_test``. Views of a sample are never divided between the two. The score grows with the square of
    a factor before the loss.

    Args:
        gradients: ``(N, V, d)``: N samples, V views of each.
        splits: K, from 2 to N.
        smoothing: s.
        seed: Of the dealing out.

    Raises:
        ValueError: Too few samples, values that are not finite, or no gradient at all.
    """
    samples, _, dimension = gradients.shape
    _check(gradients, splits)
    gradients = gradients.double()
    unit = _unit(gradients)
    held_out = _deal(samples, splits, seed)
    parts, directions = torch.zeros(2, samples, dtype=torch.float64)
    for part in range(splits):
        test = held_out == part
        inverse = _inverse(unit[~test].reshape(-1, dimension), smoothing)
        share = samples / (splits * int(test.sum()))  # parts may differ by one sample
        for values, into in ((gradients, parts), (unit, directions)):
            into[test] = share * torch.einsum('nvi,ij,nvj->nv', values[test], inverse, values[test]).mean(dim=1)
    return GraceScore(
        score=float(parts.mean()), directions=float(directions.mean()), parts=parts,
        norm=float(gradients.norm(dim=-1).mean()), consistency=consistency(gradients))


def consistency(gradients: Tensor) -> float:
    """Mean cosine over all pairs of gradients ``(N, V, d)`` that belong to different samples."""
    unit = _unit(gradients.double())
    samples, views, _ = unit.shape
    of_samples = unit.sum(dim=1)
    between = of_samples.sum(dim=0).square().sum() - of_samples.square().sum()
    return float(between / (samples * (samples - 1) * views * views))


def bootstrap(parts: Tensor, draws: int = 2000, seed: int = 0) -> Tensor:
    """``(draws, T)``: scores of T teachers on samples drawn with replacement, the same ones for all.

    The reference parts are not drawn anew: this is the spread from which samples were held out, a lower bound of the
    whole. Differences of columns compare two teachers sample by sample.

    Args:
        parts: ``(T, N)``: see :class:`GraceScore`.
        draws: Number of draws.
        seed: Of them.
    """
    samples = parts.shape[1]
    chosen = np.random.default_rng(seed).integers(samples, size=(draws, samples))
    return parts[:, torch.from_numpy(chosen)].mean(dim=-1).T


def _check(gradients: Tensor, splits: int) -> None:
    if not 2 <= splits <= len(gradients):
        raise ValueError(f'GRACE needs 2 splits or more and a sample for each; got {splits} splits of {len(gradients)} '
                         'samples')
    if not bool(torch.isfinite(gradients).all()):
        raise ValueError('GRACE: a gradient is not finite')
    if not bool(gradients.any()):
        raise ValueError('GRACE: all gradients are 0; the pairs do not reach the chosen parameters')


def _deal(samples: int, splits: int, seed: int) -> Tensor:
    order = torch.randperm(samples, generator=torch.Generator().manual_seed(seed))
    part = torch.empty(samples, dtype=torch.long)
    part[order] = torch.arange(samples) % splits
    return part


def _inverse(rows: Tensor, smoothing: float) -> Tensor:
    values, vectors = torch.linalg.eigh(rows.T @ rows / len(rows))
    values = (1 - smoothing) * values.clamp(min=0) + smoothing * values.mean().clamp(min=1e-30)
    return (vectors / values) @ vectors.T


def _unit(gradients: Tensor) -> Tensor:
    return gradients / gradients.norm(dim=-1, keepdim=True).clamp(min=1e-30)
