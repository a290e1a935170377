"""Points that lie on no surface, or on the wrong one. All change a turn in place: (columns, rings)."""

import numpy as np

from perception_kd.simulation.sensors.lidar.optics import Returns

_BLOOM_REACH, _BLOOM_CHANCE, _BLOOM_INTENSITY = 35.0, 0.3, 200.0
_EDGE, _EDGE_CHANCE = (0.4, 4.0), 0.06
_DROP_SHARE = 0.012


def bloom(turn: Returns, rng: np.random.Generator) -> None:
    """Near retro-reflectors outshine what is beside them: they look wider than they are."""
    glaring = turn.found & (turn.intensity > _BLOOM_INTENSITY) & (turn.distance < _BLOOM_REACH)
    for step in (-1, 1):
        column, ring = np.nonzero(glaring & (rng.random(glaring.shape) < _BLOOM_CHANCE))
        beside = (column + step) % len(glaring)
        covered = ~turn.found[beside, ring] | (turn.distance[beside, ring] > turn.distance[column, ring] + 0.3)
        column, beside, ring = column[covered], beside[covered], ring[covered]
        turn.distance[beside, ring] = turn.distance[column, ring]
        turn.intensity[beside, ring] = np.round(0.2 * turn.intensity[column, ring])
        turn.found[beside, ring] = True


def mix_edges(turn: Returns, rng: np.random.Generator) -> None:
    """A beam that straddles an edge now and then reports a range between the two surfaces."""
    other = np.roll(turn.distance, -1, 0)
    gap = np.where(turn.found & np.roll(turn.found, -1, 0), other, np.inf) - np.where(turn.found, turn.distance, 0)
    edge = (np.abs(gap) > _EDGE[0]) & (np.abs(gap) < _EDGE[1])
    column, ring = np.nonzero(edge & (rng.random(edge.shape) < _EDGE_CHANCE))
    turn.distance[column, ring] += rng.uniform(0.1, 0.9, len(column)) * gap[column, ring]
    turn.intensity[column, ring] = np.round(0.6 * turn.intensity[column, ring])


def drops(turn: Returns, rain: float, rng: np.random.Generator) -> None:
    """Rain drops close by return a little light, and hide what lies behind them."""
    if not rain:
        return
    column, ring = np.nonzero(rng.random(turn.found.shape) < _DROP_SHARE * rain)
    distance = 1.2 + rng.exponential(3.0, len(column))
    nearer = ~turn.found[column, ring] | (distance < turn.distance[column, ring])
    column, ring = column[nearer], ring[nearer]
    turn.distance[column, ring] = distance[nearer]
    turn.intensity[column, ring] = rng.integers(0, 5, len(column))
    turn.found[column, ring] = True
