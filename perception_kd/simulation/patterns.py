"""Patterns that textures are made of: noise, lines that soften with distance, random tones of tiles."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from perception_kd.simulation.road import Road

_TILE = 256


@dataclass(frozen=True)
class Spot:
    """Places to be painted: uv (2, N) in m, footprint (N,) in m, seed (N,), plain colour (3, N), the road."""

    uv: np.ndarray
    footprint: np.ndarray
    seed: np.ndarray
    colour: np.ndarray
    road: Road


Painted = tuple[np.ndarray, np.ndarray]
"""Factors of colour, (3, N) or (1, N) for grey, and of LiDAR reflectivity (N,)."""


@lru_cache(maxsize=1)
def noise_tile() -> np.ndarray:
    """A periodic tile of smooth noise, mean 0, standard deviation 1, several octaves."""
    rng = np.random.default_rng(7)
    spectrum = np.fft.fft2(rng.standard_normal((_TILE, _TILE)))
    frequency = np.hypot(np.fft.fftfreq(_TILE)[:, None], np.fft.fftfreq(_TILE)[None]) * _TILE
    tile = np.fft.ifft2(spectrum / np.maximum(frequency, 1.0) ** 0.9).real
    return ((tile - tile.mean()) / tile.std()).astype(np.float32)


def noise(u: np.ndarray, v: np.ndarray, texel: float, footprint: np.ndarray) -> np.ndarray:
    """Noise (N,) with ``texel`` m a sample, fading where a pixel covers many samples."""
    step = np.float32(1 / texel)
    row, column = _whole(u * step) & (_TILE - 1), _whole(v * step) & (_TILE - 1)
    return noise_tile().ravel().take(row * _TILE + column) / (1 + footprint * (step / 8))


def _whole(value: np.ndarray) -> np.ndarray:
    return np.floor(value).astype(np.intp)


def smooth_noise(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Noise (N,) interpolated between samples that lie one unit apart."""
    tile, column, row = noise_tile().ravel(), np.floor(u), np.floor(v)
    right, below = u - column, v - row
    a, b = column.astype(np.intp), row.astype(np.intp) & (_TILE - 1)
    this, following = (a & (_TILE - 1)) * _TILE, ((a + 1) & (_TILE - 1)) * _TILE
    next_b = (b + 1) & (_TILE - 1)
    near = tile.take(this + b) * (1 - right) + tile.take(following + b) * right
    far = tile.take(this + next_b) * (1 - right) + tile.take(following + next_b) * right
    return near * (1 - below) + far * below


def stripe(x: np.ndarray, centre: float, width: float, footprint: np.ndarray) -> np.ndarray:
    """Coverage 0..1 of a line of ``width`` around ``centre`` by pixels of ``footprint`` m."""
    blur = np.maximum(footprint, 1e-3)
    cover = np.clip((width / 2 - np.abs(x - centre)) / blur + 0.5, 0, 1)
    return np.minimum(cover, width / blur)


def comb(x: np.ndarray, period: float, width: float, footprint: np.ndarray) -> np.ndarray:
    """Coverage of lines of ``width`` that repeat every ``period``; fades to its mean in the distance."""
    near = stripe((x / period - np.floor(x / period) - 0.5) * period, 0.0, width, footprint)
    far = np.clip(footprint / period - 0.3, 0, 1)
    return near * (1 - far) + far * (width / period)


def cell_hash(a: np.ndarray, b: np.ndarray, seed: np.ndarray) -> np.ndarray:
    """(N,) uniform 0..1 from two integers and a seed."""
    mixed = (
        (a.astype(np.int64) * 73856093) ^ (b.astype(np.int64) * 19349663) ^ (seed.astype(np.int64) * 83492791)
    )
    mixed = (mixed ^ (mixed >> 13)) * 1274126177
    return ((mixed ^ (mixed >> 16)) & 0xFFFF).astype(np.float32) / 65535


def pane(
    across: np.ndarray, up: np.ndarray, half_width: np.ndarray, half_height: np.ndarray, blur: np.ndarray
) -> np.ndarray:
    """Coverage (N,) of a rectangle around the middle by pixels of ``blur`` m."""
    return np.clip((half_width - np.abs(across)) / blur + 0.5, 0, 1) * np.clip(
        (half_height - np.abs(up)) / blur + 0.5, 0, 1
    )
