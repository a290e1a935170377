"""Smooth noise with the spectra of natural pictures, tiled without a seam."""

from functools import lru_cache

import numpy as np

_BETAS = (0.6, 0.9, 1.1, 1.4, 1.8)
"""Exponents of the amplitude spectrum 1/f^beta; natural pictures have about 1 (Field 1987)."""


@lru_cache(maxsize=2)
def noise_tiles(size: int) -> np.ndarray:
    """(K, size, size) float32 periodic tiles, mean 0 and standard deviation 1; two for each exponent, and two long
    grains (wood, brushed metal)."""
    rng = np.random.default_rng(size)
    across, down = np.fft.rfftfreq(size) * size, np.fft.fftfreq(size)[:, None] * size
    tiles = [_tile(rng, np.hypot(across, down), beta, size) for beta in _BETAS for _ in range(2)]
    tiles += [_tile(rng, np.hypot(across * stretch, down), 1.1, size) for stretch in (8, 24)]
    return np.stack(tiles)


def _tile(rng: np.random.Generator, frequency: np.ndarray, beta: float, size: int) -> np.ndarray:
    spectrum = np.fft.rfft2(rng.standard_normal((size, size))) / np.maximum(frequency, 1.0) ** beta
    spectrum[0, 0] = 0
    tile = np.fft.irfft2(spectrum, s=(size, size))
    return (tile / tile.std()).astype(np.float32)


def draw_noise(rng: np.random.Generator, size: int, kinds: tuple[int, int] = (0, 10)) -> np.ndarray:
    """One of the tiles numbered ``kinds[0]`` to ``kinds[1] - 1``, shifted, mirrored or transposed at random."""
    tile = noise_tiles(size)[rng.integers(*kinds)]
    tile = np.roll(tile, rng.integers(0, size, 2), (0, 1))
    tile = tile[:: rng.choice([-1, 1]), :: rng.choice([-1, 1])]
    return np.ascontiguousarray(tile.T if rng.random() < 0.5 else tile)
