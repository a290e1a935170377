"""Echoes before they are detected, and what happens to those that fall into one resolution cell."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

DIRECT, MIRROR, BOUNCE, GROUND, RAIN, FALSE = range(6)
"""What caused an echo: its owner itself, its image in a flat surface, a detour between vehicle and road or
vehicle and radar, a manhole cover, rain, nothing at all (noise, other radars)."""

RANGE_CELL, AZIMUTH_CELL, RATE_CELL = 0.8, np.deg2rad(2.5), 0.6
"""What the radar tells apart: in m, in rad ahead (coarser to the sides, as any flat antenna), in m/s."""


@dataclass
class Echoes:
    """Echoes (N,) as a radar at rest in its own frame would see them.

    Args:
        range, azimuth, elevation: Apparent place in m and rad.
        power: Radar cross-section in m2 that the echo seems to come from.
        owner: Index of the actor, or ``SCENERY``.
        cause: ``DIRECT`` and so on.
        rate: Apparent change of range in m/s (Doppler).
        along: The same over ground, that is without the radar's own motion.
        across: Speed over ground across the ray in m/s.
        shared: Another owner adds a good part of the power.
    """

    range: np.ndarray
    azimuth: np.ndarray
    elevation: np.ndarray
    power: np.ndarray
    owner: np.ndarray
    cause: np.ndarray
    rate: np.ndarray
    along: np.ndarray
    across: np.ndarray
    shared: np.ndarray

    def chosen(self, index: np.ndarray) -> 'Echoes':
        """Some of them."""
        return Echoes(*(getattr(self, field.name)[index] for field in fields(self)))

    @property
    def rcs(self) -> np.ndarray:
        """Power in dBsm."""
        return 10 * np.log10(np.maximum(self.power, 1e-6))


def join(parts: Sequence[Echoes]) -> Echoes:
    """All echoes of several."""
    return Echoes(*(np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Echoes)))


def merge(echoes: Echoes) -> Echoes:
    """One echo for each cell of range, azimuth and Doppler: powers add up, the strongest owner gives the name."""
    if not len(echoes.range):
        return echoes
    column = np.floor(np.sin(echoes.azimuth) / np.sin(AZIMUTH_CELL))
    cell = (np.floor(echoes.range / RANGE_CELL) * 256 + column + 128) * 1024
    cell += np.clip(np.floor(echoes.rate / RATE_CELL), -511, 511) + 512
    order = np.lexsort((echoes.power, cell))
    last = np.flatnonzero(np.diff(cell[order], append=np.inf))
    first = np.concatenate([[0], last[:-1] + 1])
    found = echoes.chosen(order[last])
    power = echoes.power[order]
    total = np.add.reduceat(power, first)
    weight = power / np.repeat(total, last - first + 1)
    for name in ('range', 'azimuth', 'elevation', 'rate', 'along', 'across'):
        setattr(found, name, np.add.reduceat(weight * getattr(echoes, name)[order], first))
    own = echoes.owner[order] == np.repeat(found.owner, last - first + 1)
    found.power, found.shared = total, found.shared | (np.add.reduceat(weight * own, first) < 0.8)
    return found
