"""House fronts: brick, plaster or bands of glass; windows with frames and sills; shops with signs; lit windows.

Painted from (u, v) in m along and up the wall and from the building's seed.
"""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.patterns import Painted, Spot, cell_hash, comb, noise, pane, stripe

_SHOP, _FLOOR = 3.9, 3.1
"""Height of the ground floor and of those above in m."""
_BRICK, _GLASS = 0.4, 0.8
"""Buildings whose lot is below are of brick, above are bands of glass; the rest is plaster."""
_LIT, _SHOP_LIT = 0.34, 0.7


@dataclass(frozen=True)
class _Windows:
    """Where a spot lies in the grid of windows: all (N,).

    Args:
        column, floor: Which window; ``shop`` those of the ground floor.
        across, up: From its middle in m.
        half_width, half_height: Of its glass in m.
        glass, frame: Coverage.
        style: The building's lot.
    """

    column: np.ndarray
    floor: np.ndarray
    shop: np.ndarray
    across: np.ndarray
    up: np.ndarray
    half_width: np.ndarray
    half_height: np.ndarray
    glass: np.ndarray
    frame: np.ndarray
    style: np.ndarray


def _windows(spot: Spot) -> _Windows:
    (u, v), seed = spot.uv, spot.seed
    zero = np.zeros_like(seed)
    style = cell_hash(zero + 2, zero, seed)
    pitch = 2.3 + 1.6 * cell_hash(zero, zero, seed)
    share = np.where(style > _GLASS, 0.92, 0.42 + 0.3 * cell_hash(zero + 1, zero, seed))
    shop = v < _SHOP
    column, floor = np.floor(u / pitch), np.floor((v - _SHOP) / _FLOOR)
    across = (u / pitch - column - 0.5) * pitch
    up = np.where(shop, v - 1.95, v - _SHOP - _FLOOR * (floor + 0.53))
    half_width = np.where(shop, 0.43, share / 2) * pitch
    half_height = np.where(shop, 1.05, np.where(style > _GLASS, 1.1, 0.85)).astype(np.float32)
    blur = np.maximum(spot.footprint, 0.01)
    glass = pane(across, up, half_width, half_height, blur) * (1 - 0.8 * stripe(across, 0.0, 0.08, blur))
    glass *= 1 - 0.8 * (~shop * stripe(up, 0.25, 0.06, blur))
    frame = pane(across, up, half_width + 0.12, half_height + 0.12, blur)
    return _Windows(column, floor, shop, across, up, half_width, half_height, glass, frame, style)


def facade(spot: Spot) -> Painted:
    """Colour and reflectivity of walls, windows, sills and shop signs."""
    (u, v), footprint = spot.uv, spot.footprint
    window = _windows(spot)
    plain = 1 / np.maximum(spot.colour, 0.05)
    colour = np.repeat(_wall(u, v, window, spot)[None], 3, 0)
    sill = pane(window.across, window.up + window.half_height + 0.17, window.half_width + 0.2, 0.06, footprint + 0.01)
    colour += (sill * ~window.shop) * (np.float32(0.5) * plain - colour)
    colour += _signs(window, v, spot) * (_sign_colour(window, spot.seed) * plain - colour)
    colour += window.frame * (_frame_tone(window) * plain - colour)
    chance = cell_hash(window.column, window.floor, spot.seed)
    colour += window.glass * (_glass(chance, window.up) * plain - colour)
    return colour, 1 - 0.8 * window.glass


def _wall(u: np.ndarray, v: np.ndarray, window: _Windows, spot: Spot) -> np.ndarray:
    """Tone (N,): courses of bricks, or plaster with stains that run down; a ledge above the shops."""
    footprint = spot.footprint
    tone = 1 + 0.06 * noise(u, v, 0.05, footprint) + 0.06 * noise(u, v, 0.8, footprint)
    tone += 0.05 * noise(u, 0.12 * v, 0.25, footprint)
    brick = np.flatnonzero((window.style < _BRICK) & (footprint < 0.12))
    if len(brick):
        course = np.floor(v[brick] / 0.09)
        along = u[brick] + 0.12 * (course % 2)
        near = footprint[brick]
        stone = cell_hash(np.floor(along / 0.24), course, spot.seed[brick]) - 0.5
        joint = np.maximum(comb(v[brick], 0.09, 0.012, near), comb(along, 0.24, 0.012, near))
        tone[brick] *= (1 + 0.35 * stone / (1 + 30 * near)) * (1 + 0.35 * joint)
    ledge = np.abs(v - _SHOP - 0.02)
    return tone - 0.3 * (np.abs(v - _SHOP + 0.2) < 0.1) * (ledge > 0.1) + 0.15 * (ledge < 0.1)


def _signs(window: _Windows, v: np.ndarray, spot: Spot) -> np.ndarray:
    """Coverage (N,) of the boards above shop windows; not every shop has one."""
    has = cell_hash(np.floor(window.column / 2), np.full_like(window.floor, 77), spot.seed) < 0.7
    return stripe(v, 3.38, 0.5, spot.footprint) * (has & window.shop)


def _sign_colour(window: _Windows, seed: np.ndarray) -> np.ndarray:
    """(3, N) one colour for every two windows."""
    shop = np.floor(window.column / 2)
    parts = [cell_hash(shop, np.full_like(shop, 90 + i), seed) for i in range(3)]
    return (0.03 + 0.5 * np.stack(parts) ** 2).astype(np.float32)


def _frame_tone(window: _Windows) -> np.ndarray:
    """(N,) white, or dark on glass fronts."""
    return np.where(window.style > _GLASS, 0.08, 0.5).astype(np.float32)


def _glass(chance: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Colour (3, N) of a window: dark, the sky in its upper part, some with curtains."""
    curtain, sky = chance**3, np.clip(up / 1.7 + 0.5, 0, 1)
    shades = ((0.30, 0.07), (0.27, 0.09), (0.21, 0.12))
    return np.stack([0.04 + np.float32(a) * curtain + np.float32(b) * sky for a, b in shades])


def lit_windows(spot: Spot) -> np.ndarray:
    """Radiance (3, N) of windows at night: one in three, most shops, each in its own shade of warm or cold."""
    window = _windows(spot)
    chance = cell_hash(window.column + 31, window.floor, spot.seed)
    on = np.where(window.shop, chance < _SHOP_LIT, chance < _LIT)
    level = 0.12 + 0.75 * cell_hash(window.column, window.floor + 57, spot.seed) ** 2
    level = np.where(window.shop, 0.35 + 0.8 * level, level)
    # Brighter towards the ceiling lamp; furniture and goods darken the lower part.
    shape = 0.65 + 0.35 * np.clip(window.up / window.half_height, -1, 1)
    shape *= 1 + 0.05 * noise(*spot.uv, 0.06, spot.footprint)
    goods = cell_hash(np.floor(spot.uv[0] / 0.4), np.floor(spot.uv[1] / 0.45), spot.seed)
    shape *= 1 - np.clip(0.1 - window.up, 0, 0.75) * goods * window.shop / (1 + 4 * spot.footprint)
    warm = cell_hash(window.column, window.floor + 13, spot.seed)
    light = on * level * shape * window.glass
    return np.stack([light * (a + b * warm) for a, b in ((1.0, -0.1), (0.72, 0.16), (0.40, 0.40))])
