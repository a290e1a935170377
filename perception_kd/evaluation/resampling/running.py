"""Running sums over a ranking for many resamples of its scenes, without adding up the whole ranking for each.

A resample only changes how often each scene counts. So the sums before every 16th place are one product of matrices
(resamples by scenes, scenes by places), and the few places that are asked for need at most 16 more numbers each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.fast.boxes import Floats, Ints

_SPAN = 16


@dataclass(frozen=True)
class Amounts:
    """T places of a ranking with an amount each, in B blocks of equal length; the last one is filled up with zeros.

    Args:
        scene: ``(B, span)`` number of the scene of each place.
        amount: ``(B, span)``.
        before: ``(B, S)`` sum of each scene's amounts in the blocks before.
        total: ``(S,)`` sum of each scene's amounts.
        length: T.
    """

    scene: Ints
    amount: Floats
    before: Floats
    total: Floats
    length: int

    @classmethod
    def make(cls, scene: Ints, amount: Ints | Floats, scenes: int) -> Amounts:
        """From ``(T,)`` scenes and amounts, and the number of scenes."""
        length, span = len(scene), min(_SPAN, 1 + len(scene) // 1024)
        blocks = length // span + 1
        filled = np.zeros(blocks * span, np.int64), np.zeros(blocks * span)
        filled[0][:length], filled[1][:length] = scene, amount
        of_block = np.bincount(np.arange(length) // span * scenes + scene, amount, blocks * scenes)
        upto = np.zeros((blocks + 1, scenes))
        np.cumsum(of_block.reshape(blocks, scenes), axis=0, out=upto[1:])
        return cls(filled[0].reshape(blocks, span), filled[1].reshape(blocks, span), upto[:-1], upto[-1], length)

    @property
    def span(self) -> int:
        """Places in a block."""
        return self.scene.shape[1]

    def of(self, place: Ints) -> Floats:
        """Amounts at some places."""
        return self.amount.ravel()[place]


class Running:
    """The running sums of some resamples.

    Args:
        amounts: Of the ranking.
        weights: ``(R, S)`` how often each scene is there.
    """

    def __init__(self, amounts: Amounts, weights: Floats) -> None:
        self.amounts, self._weights = amounts, weights
        self._before = weights @ amounts.before.T
        self.total = weights @ amounts.total

    def at(self, count: Ints) -> Floats:
        """``(R, Q)`` sums over the first ``count`` ``(R, Q)`` places."""
        block, rest = np.divmod(count, self.amounts.span)
        sums = np.take_along_axis(self._before, block, axis=1)
        if self.amounts.span > 1:
            sums += np.where(np.arange(self.amounts.span) < rest[..., None], self._inside(block), 0).sum(axis=2)
        return sums

    def search(self, wanted: Floats, side: str) -> Ints:
        """As ``np.searchsorted`` of ``wanted`` ``(R, Q)`` in each resample's sums up to and with each place.

        Amounts must not be negative.
        """
        block = np.stack([np.searchsorted(row, value, side) for row, value in zip(self._before, wanted)]) - 1
        block = np.maximum(block, 0)
        sums = np.cumsum(self._inside(block), axis=2) + np.take_along_axis(self._before, block, axis=1)[..., None]
        value = wanted[..., None]
        passed = (sums < value if side == 'left' else sums <= value).sum(axis=2)
        return np.minimum(block * self.amounts.span + passed, self.amounts.length)

    def _inside(self, block: Ints) -> Floats:
        """``(R, Q, span)`` what each place of these blocks counts."""
        row = np.arange(len(block))[:, None, None]
        return self._weights[row, self.amounts.scene[block]] * self.amounts.amount[block]
