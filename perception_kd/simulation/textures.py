"""Procedural textures: what a surface looks like at (u, v) metres, to the camera and to the LiDAR.

Each returns a colour factor, (3, N) or (1, N), and a reflectivity factor (N,), and softens what is finer than the
pixel's footprint.
"""

from collections.abc import Callable

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.asphalt import mended
from perception_kd.simulation.facades import facade
from perception_kd.simulation.markings import road_markings, side_markings
from perception_kd.simulation.patterns import Painted, Spot, cell_hash, comb, noise, smooth_noise
from perception_kd.simulation.road import LANE_WIDTH, SIDE_KERB
from perception_kd.simulation.snapshot import Hits, Snapshot


def _roadway(spot: Spot) -> Painted:
    return _worn(spot, *road_markings(*spot.uv, spot.footprint, spot.road))


def _side_roadway(spot: Spot) -> Painted:
    return _worn(spot, *side_markings(*spot.uv, spot.footprint, SIDE_KERB))


def _worn(spot: Spot, white: np.ndarray, yellow: np.ndarray) -> Painted:
    """Asphalt with paint, both used."""
    (s, d), footprint = spot.uv, spot.footprint
    grain = 1 + 0.10 * noise(s, d, 0.04, footprint) + 0.10 * noise(s, d, 0.9, footprint)
    # Tyres polish two tracks in each lane; oil darkens the middle.
    lane = np.abs(d - LANE_WIDTH * (np.floor(d * np.float32(1 / LANE_WIDTH)) + 0.5))
    grain *= 1 + 0.10 * np.exp(-(((lane - 0.8) / 0.3) ** 2)) - 0.08 * np.exp(-((lane / 0.3) ** 2))
    grain *= mended(s, d, footprint)
    wear, used = np.ones_like(s), np.flatnonzero(white + yellow > 0.02)
    fine = smooth_noise(16 * s.take(used), 16 * d.take(used)) / (1 + 2 * footprint.take(used))
    wear[used] += 0.07 * fine + 0.05 * noise(s.take(used), d.take(used), 0.5, footprint.take(used))
    left = (1 - white) * (1 - yellow) * grain
    white, yellow = white * wear, yellow * wear
    tint = np.stack([left + a * white + b * yellow for a, b in ((7.4, 7.0), (7.4, 4.6), (7.2, 0.7))])
    return tint, 1 + 3.2 * np.maximum(white, 0.7 * yellow)


def _slabs(spot: Spot) -> Painted:
    (u, v), footprint = spot.uv, spot.footprint
    joints = np.maximum(comb(u, 0.9, 0.025, footprint), comb(v, 0.9, 0.025, footprint))
    tone = cell_hash(np.floor(u / 0.9 - 0.5), np.floor(v / 0.9 - 0.5), spot.seed)
    tone = 1 + (tone - 0.5) * 0.22 / (1 + footprint) + 0.05 * noise(u, v, 0.05, footprint)
    tone *= 1 + 0.06 * noise(u, v, 0.7, footprint)
    return (tone * (1 - 0.5 * joints))[None], np.ones_like(u)


def _grass(spot: Spot) -> Painted:
    (u, v), footprint = spot.uv, spot.footprint
    patches = noise(u, v, 1.5, footprint)
    tone = 1 + 0.22 * noise(u, v, 0.06, footprint) + 0.18 * patches
    return np.stack([tone * (1 + 0.12 * patches), tone * 1.02, tone]), np.maximum(tone, 0.2)


def _foliage(spot: Spot) -> Painted:
    (u, v), footprint = spot.uv, spot.footprint
    tone = np.maximum(1 + 0.35 * noise(u, v, 0.04, footprint) + 0.25 * noise(v, u, 0.2, footprint), 0.2)
    return np.stack([tone * (0.9 + 0.15 * tone), tone, tone]), tone


def _rough(spot: Spot) -> Painted:
    (u, v), footprint = spot.uv, spot.footprint
    return (1 + 0.09 * noise(u, v, 0.05, footprint))[None], np.ones_like(u)


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
    """Colour (3, N) and LiDAR reflectivity (N,) of what rays hit.

    Args:
        snapshot: The world.
        hits: All of them ``found``.
        footprint: (N,) size of the pixel or beam on the surface in m.
    """
    surfaces = snapshot.surfaces
    colour, reflectivity = surfaces.colour.take(hits.triangle, 1), surfaces.reflectivity.take(hits.triangle)
    number = surfaces.texture.take(hits.triangle)
    for texture, brush in TEXTURES.items():
        index = np.flatnonzero(number == texture)
        if len(index):
            spot = spots(snapshot, hits.chosen(index), footprint.take(index))
            tint, factor = brush(spot)
            colour[:, index] = spot.colour * np.maximum(tint, 0)
            reflectivity[index] *= factor
    return colour, np.clip(reflectivity, 0, 1)


def spots(snapshot: Snapshot, hits: Hits, footprint: np.ndarray) -> Spot:
    """What a brush needs to know of (N,) hits, all of them ``found``."""
    surfaces = snapshot.surfaces
    return Spot(
        snapshot.uv_planes(hits),
        footprint,
        surfaces.seed.take(hits.triangle),
        surfaces.colour.take(hits.triangle, 1),
        snapshot.world.plan.road,
    )
