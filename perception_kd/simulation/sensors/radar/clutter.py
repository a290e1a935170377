"""Echoes that belong to no object: manhole covers, rain, false alarms."""

import numpy as np

from perception_kd.simulation.patterns import cell_hash
from perception_kd.simulation.poses import dot, rotate
from perception_kd.simulation.road import LANE_WIDTH
from perception_kd.simulation.sensors.radar.echoes import FALSE, GROUND, RAIN, Echoes
from perception_kd.simulation.sensors.radar.paths import HALF_FIELD, View
from perception_kd.simulation.world import SCENERY

_COVER_STEP, _COVER_REACH = 16.0, 45.0
_RAIN_RETURNS, _RAIN_REACH = 10.0, 16.0
_FALSE_ALARMS, _INTERFERENCE = 1.2, 0.04


def clutter(view: View, rng: np.random.Generator) -> list[Echoes]:
    """All of it."""
    return [manholes(view), rain(view, rng), false_alarms(view, rng)]


def manholes(view: View) -> Echoes:
    """Iron covers lie in the roadway, one on each stretch of 16 m, always at the same places of a street."""
    world = view.snapshot.world
    road, seed = world.plan.road, np.int64(1000 * world.light.drift)
    stretch = np.arange(np.floor(road.start / _COVER_STEP), np.ceil(road.end / _COVER_STEP))
    zero = np.zeros_like(stretch)
    s = _COVER_STEP * (stretch + cell_hash(stretch, zero, seed + 0 * zero))
    d = LANE_WIDTH * (4 * cell_hash(stretch, zero + 1, seed + 0 * zero) - 2)
    x, y, _ = road.to_world(s, d)
    offset = np.stack([x, y, 0 * x], 1) - view.origin
    distance = np.linalg.norm(offset, axis=1)
    local = rotate(offset, view.rotation.T)
    azimuth = np.arctan2(local[:, 1], local[:, 0])
    near = np.flatnonzero((distance > 3) & (distance < _COVER_REACH) & (np.abs(azimuth) < HALF_FIELD))
    hits = view.snapshot.cast(view.origin, offset[near] / distance[near, None])
    seen = near[hits.distance > distance[near] - 0.3]
    power = 10 ** (0.4 * (2 * cell_hash(stretch[seen], zero[seen] + 2, seed + 0 * zero[seen]) - 1))
    return _still(view, distance[seen], azimuth[seen], power, GROUND)


def rain(view: View, rng: np.random.Generator) -> Echoes:
    """Drops close to the radar, in slow motion with the wind."""
    count = rng.poisson(_RAIN_RETURNS * view.snapshot.world.light.rain)
    distance, azimuth = rng.uniform(1.0, _RAIN_REACH, count), rng.uniform(-HALF_FIELD, HALF_FIELD, count)
    echoes = _still(view, distance, azimuth, 10 ** rng.normal(-0.4, 0.25, count), RAIN)
    wind = rng.normal(0, 0.5, count)
    echoes.along, echoes.rate = wind, echoes.rate + wind
    return echoes


def false_alarms(view: View, rng: np.random.Generator) -> Echoes:
    """Noise that passes for an echo; seldom a whole line of it from another radar."""
    count = rng.poisson(_FALSE_ALARMS)
    azimuth = rng.uniform(-HALF_FIELD, HALF_FIELD, count)
    if rng.random() < _INTERFERENCE:
        line = rng.uniform(-HALF_FIELD, HALF_FIELD) + rng.normal(0, 0.01, rng.integers(5, 13))
        azimuth = np.clip(np.concatenate([azimuth, line]), -HALF_FIELD, HALF_FIELD)
    count = len(azimuth)
    distance = rng.uniform(3, view.preset.radar_range, count)
    echoes = _still(view, distance, azimuth, 10 ** rng.uniform(-0.3, 1.2, count), FALSE)
    speed = rng.uniform(-8, 8, count)
    echoes.along, echoes.rate = speed, echoes.rate + speed
    return echoes


def _still(
    view: View, distance: np.ndarray, azimuth: np.ndarray, power: np.ndarray, cause: int
) -> Echoes:
    """Echoes of what rests on the ground."""
    count = len(distance)
    return Echoes(
        range=distance, azimuth=azimuth, elevation=np.zeros(count), power=power,
        owner=np.full(count, SCENERY), cause=np.full(count, cause),
        rate=-dot(view.heading(azimuth), view.own), along=np.zeros(count), across=np.zeros(count),
        shared=np.zeros(count, bool),
    )  # fmt: skip
