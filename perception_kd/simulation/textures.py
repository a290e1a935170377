"""Procedural textures: what a surface looks like at (u, v) metres, to the camera and to the LiDAR.

Each returns a colour factor (N, 3) and a reflectivity factor (N,), and softens what is finer than the
pixel's footprint.
"""

from collections.abc import Callable

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.facades import facade
from perception_kd.simulation.markings import road_markings, side_markings
from perception_kd.simulation.patterns import Painted, Spot, cell_hash, comb, noise
from perception_kd.simulation.road import LANE_WIDTH, SIDE_KERB
from perception_kd.simulation.snapshot import Hits, Snapshot


def _roadway(spot: Spot) -> Painted:
    return _worn(spot, *road_markings(*spot.uv.T, spot.footprint, spot.road))


def _side_roadway(spot: Spot) -> Painted:
    return _worn(spot, *side_markings(*spot.uv.T, spot.footprint, SIDE_KERB))


def _worn(spot: Spot, white: np.ndarray, yellow: np.ndarray) -> Painted:
    """Asphalt with paint, both used."""
    s, d, footprint = spot.uv[:, 0], spot.uv[:, 1], spot.footprint
    grain = 1 + 0.10 * noise(s, d, 0.04, footprint) + 0.10 * noise(s, d, 0.9, footprint)
    # Tyres polish two tracks in each lane; oil darkens the middle.
    lane = (np.abs(d) % LANE_WIDTH) - LANE_WIDTH / 2
    grain *= 1 + 0.10 * np.exp(-(((np.abs(lane) - 0.8) / 0.3) ** 2)) - 0.08 * np.exp(-((lane / 0.3) ** 2))
    colour = np.repeat(grain[:, None], 3, 1)
    wear = 1 + 0.12 * noise(s, d, 0.12, footprint)
    colour += white[:, None] * (np.array([7.4, 7.4, 7.2], np.float32) * wear[:, None] - colour)
    colour += yellow[:, None] * (np.array([7.0, 4.6, 0.7], np.float32) * wear[:, None] - colour)
    return colour, 1 + 3.2 * np.maximum(white, 0.7 * yellow)


def _slabs(spot: Spot) -> Painted:
    uv, footprint = spot.uv, spot.footprint
    joints = np.maximum(comb(uv[:, 0], 0.9, 0.025, footprint), comb(uv[:, 1], 0.9, 0.025, footprint))
    tone = cell_hash(np.floor(uv[:, 0] / 0.9 - 0.5), np.floor(uv[:, 1] / 0.9 - 0.5), spot.seed)
    tone = 1 + (tone - 0.5) * 0.22 / (1 + footprint) + 0.05 * noise(uv[:, 0], uv[:, 1], 0.05, footprint)
    return np.repeat((tone * (1 - 0.5 * joints))[:, None], 3, 1), np.ones(len(uv), np.float32)


def _grass(spot: Spot) -> Painted:
    uv, footprint = spot.uv, spot.footprint
    tone = (
        1
        + 0.22 * noise(uv[:, 0], uv[:, 1], 0.06, footprint)
        + 0.18 * noise(uv[:, 0], uv[:, 1], 1.5, footprint)
    )
    return np.stack([tone, tone * 1.02, tone], 1), np.maximum(tone, 0.2)


def _foliage(spot: Spot) -> Painted:
    uv, footprint = spot.uv, spot.footprint
    tone = np.maximum(1 + 0.45 * noise(uv[:, 0], uv[:, 1], 0.05, footprint), 0.25)
    return np.stack([tone, tone, tone], 1), tone


def _rough(spot: Spot) -> Painted:
    uv, footprint = spot.uv, spot.footprint
    tone = 1 + 0.09 * noise(uv[:, 0], uv[:, 1], 0.05, footprint)
    return np.repeat(tone[:, None], 3, 1), np.ones(len(uv), np.float32)


TEXTURES: dict[int, Callable[[Spot], Painted]] = {
    m.ROAD: _roadway,
    m.SIDE_ROAD: _side_roadway,
    m.SLABS: _slabs,
    m.GRASS: _grass,
    m.FACADE: facade,
    m.FOLIAGE: _foliage,
    m.ROUGH: _rough,
}


def paint(snapshot: Snapshot, hits: Hits, footprint: np.ndarray) -> Painted:
    """Colour (N, 3) and LiDAR reflectivity (N,) of what rays hit.

    Args:
        snapshot: The world.
        hits: All of them ``found``.
        footprint: (N,) size of the pixel or beam on the surface in m.
    """
    surfaces = snapshot.surfaces
    colour, reflectivity = surfaces.colour.take(hits.triangle, 0), surfaces.reflectivity.take(hits.triangle)
    number = surfaces.texture.take(hits.triangle)
    for texture, brush in TEXTURES.items():
        index = np.flatnonzero(number == texture)
        if len(index):
            spot = spots(snapshot, hits.chosen(index), footprint.take(index))
            tint, factor = brush(spot)
            colour[index] = spot.colour * np.maximum(tint, 0)
            reflectivity[index] *= factor
    return colour, np.clip(reflectivity, 0, 1)


def spots(snapshot: Snapshot, hits: Hits, footprint: np.ndarray) -> Spot:
    """What a brush needs to know of (N,) hits, all of them ``found``."""
    surfaces = snapshot.surfaces
    return Spot(
        snapshot.uv(hits),
        footprint,
        surfaces.seed.take(hits.triangle),
        surfaces.colour.take(hits.triangle, 0),
        snapshot.world.plan.road,
    )
