"""Procedural textures: what a surface looks like at (u, v) metres, to the camera and to the LiDAR.

Each returns a colour factor (N, 3) and a reflectivity factor (N,), and softens what is finer than the
pixel's footprint.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.markings import road_markings, side_markings
from perception_kd.simulation.patterns import cell_hash, comb, noise, stripe
from perception_kd.simulation.road import LANE_WIDTH, SIDE_KERB, Road
from perception_kd.simulation.snapshot import Hits, Snapshot

Painted = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Spot:
    """Places to be painted: uv (N, 2) in m, footprint (N,) in m, seed (N,), plain colour (N, 3), the road."""

    uv: np.ndarray
    footprint: np.ndarray
    seed: np.ndarray
    colour: np.ndarray
    road: Road


_SHOP, _FLOOR = 3.9, 3.1
"""Height of the ground floor and of those above in m."""


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


def _facade(spot: Spot) -> Painted:
    """Shop windows on the ground floor, rows of windows with frames above, each pane in its own tone."""
    (u, v), seed, footprint = spot.uv.T, spot.seed, spot.footprint
    zero = np.zeros_like(seed)
    pitch = 2.3 + 1.6 * cell_hash(zero, zero, seed)
    broad = (0.42 + 0.3 * cell_hash(zero + 1, zero, seed)) * pitch
    shop = v < _SHOP
    column, floor = np.floor(u / pitch), np.floor((v - _SHOP) / _FLOOR)
    across = (u / pitch - column - 0.5) * pitch
    up = np.where(shop, v - 2.2, v - _SHOP - _FLOOR * (floor + 0.53))
    half_width, half_height = np.where(shop, 0.43 * pitch, broad / 2), np.where(shop, 1.05, 0.85)
    blur = np.maximum(footprint, 0.01)
    pane = _pane(across, up, half_width, half_height, blur)
    frame = _pane(across, up, half_width + 0.12, half_height + 0.12, blur)
    pane *= 1 - 0.8 * stripe(across, 0.0, 0.08, footprint)
    wall = 1 + 0.07 * noise(u, v, 0.05, footprint) + 0.06 * noise(u, v, 0.8, footprint)
    wall -= 0.25 * (np.abs(v - _SHOP + 0.1) < 0.12)
    plain = 1 / np.maximum(spot.colour, 0.05)
    colour = np.repeat(wall[:, None], 3, 1)
    colour += frame[:, None] * (np.float32(0.55) * plain - colour)
    colour += pane[:, None] * (_glass(cell_hash(column, floor, seed), up) * plain - colour)
    return colour, 1 - 0.8 * pane


def _pane(
    across: np.ndarray, up: np.ndarray, half_width: np.ndarray, half_height: np.ndarray, blur: np.ndarray
) -> np.ndarray:
    """Coverage (N,) of a rectangle around the middle."""
    return np.clip((half_width - np.abs(across)) / blur + 0.5, 0, 1) * np.clip(
        (half_height - np.abs(up)) / blur + 0.5, 0, 1
    )


def _glass(chance: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Colour (N, 3) of a window: dark, the sky in its upper part, some with curtains."""
    curtain, sky = chance[:, None] ** 3, np.clip(up / 1.7 + 0.5, 0, 1)[:, None]
    return (
        0.05
        + curtain * np.array([0.30, 0.27, 0.21], np.float32)
        + sky * np.array([0.07, 0.09, 0.12], np.float32)
    )


TEXTURES: dict[int, Callable[[Spot], Painted]] = {
    m.ROAD: _roadway,
    m.SIDE_ROAD: _side_roadway,
    m.SLABS: _slabs,
    m.GRASS: _grass,
    m.FACADE: _facade,
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
    surfaces, road = snapshot.surfaces, snapshot.world.plan.road
    colour, reflectivity = surfaces.colour.take(hits.triangle, 0), surfaces.reflectivity.take(hits.triangle)
    number = surfaces.texture.take(hits.triangle)
    for texture, brush in TEXTURES.items():
        index = np.flatnonzero(number == texture)
        if len(index):
            few = hits.chosen(index)
            spot = Spot(
                snapshot.uv(few),
                footprint.take(index),
                surfaces.seed.take(few.triangle),
                colour.take(index, 0),
                road,
            )
            tint, factor = brush(spot)
            colour[index] = spot.colour * np.maximum(tint, 0)
            reflectivity[index] *= factor
    return colour, np.clip(reflectivity, 0, 1)
