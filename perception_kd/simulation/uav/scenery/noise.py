"""Noise with the spectra of clouds and leaves, sampled at any scale."""

import cv2
import numpy as np

SIZE = 512


def spectral_tile(rng: np.random.Generator, beta: float, stretch: float = 1.0) -> np.ndarray:
    """(SIZE, SIZE) float32 periodic noise, mean 0 and standard deviation 1, with an amplitude spectrum 1 / f^beta;
    ``stretch`` times longer across than down."""
    across, down = np.fft.rfftfreq(SIZE) * SIZE * stretch, np.fft.fftfreq(SIZE)[:, None] * SIZE
    spectrum = np.fft.rfft2(rng.standard_normal((SIZE, SIZE))) / np.maximum(np.hypot(across, down), 1.0) ** beta
    spectrum[0, 0] = 0
    tile = np.fft.irfft2(spectrum, s=(SIZE, SIZE))
    return (tile / tile.std()).astype(np.float32)


def sample(tile: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values (h, w) of a periodic tile at columns ``x`` and rows ``y``, which broadcast to (h, w)."""
    x, y = np.broadcast_arrays(np.mod(x, SIZE), np.mod(y, SIZE))
    return cv2.remap(tile, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def line(rng: np.random.Generator, x: np.ndarray, beta: float, scale: float) -> np.ndarray:
    """(N,) noise along a line, mean 0 and standard deviation 1 over a period of ``scale`` in the unit of ``x`` (N,)."""
    count = 1024
    frequency = np.maximum(np.fft.rfftfreq(count) * count, 1.0)
    spectrum = np.fft.rfft(rng.standard_normal(count)) / frequency**beta
    spectrum[0] = 0
    wave = np.fft.irfft(spectrum, count)
    return np.interp(x / scale * count, np.arange(count), wave / wave.std(), period=count).astype(np.float32)


def step(value: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below ``low``, 1 above ``high``, smooth between."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return share * share * (3 - 2 * share)
