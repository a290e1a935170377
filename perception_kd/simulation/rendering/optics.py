"""Lens and sensor: blur, glare, vignetting, noise, film curve."""

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np

from perception_kd.simulation.light import Light

_EXPOSURE = 1.15
_FULL_WELL, _READ_NOISE = 11000.0, 5.0
"""Electrons that a fully exposed pixel holds at gain 1, and the noise of reading it."""
_BRIGHT = 1.3
"""Radiance above which a lens shows glare."""
_BLINDING = 30.0
"""No more than this counts for it."""
_HALOS = ((0.30, 1.2), (0.22, 4.0), (0.15, 14.0))
"""Share of the light, and width in fourths of a pixel of an image 704 wide."""


@dataclass(frozen=True)
class Camera:
    """How one camera of a car differs from the others: its exposure (3,) by colour channel, RGB."""

    exposure: np.ndarray


@lru_cache(maxsize=64)
def camera_of(channel: str, drift: float) -> Camera:
    """A camera's exposure and white balance in a scene; ``drift`` tells scenes apart."""
    rng = np.random.default_rng([*channel.encode(), int(drift * 1000)])
    return Camera(_EXPOSURE * np.exp(rng.normal(0, 0.05)) * np.exp(rng.normal(0, [0.015, 0.006, 0.02])))


def develop(image: np.ndarray, light: Light, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """Linear RGB (H, W, 3) -> uint8 BGR."""
    image = cv2.GaussianBlur(image, (3, 3), 0.55)
    if light.lamps:
        image += _glare(image)
    exposed = image * (_vignette(image.shape[1], image.shape[0]) * camera.exposure.astype(np.float32))
    exposed += _noise(exposed, light.gain, rng)
    np.maximum(exposed, 0, out=exposed)
    curve = np.sqrt(exposed * (1 + exposed / 9) / (1 + exposed * np.float32(0.45)))
    return np.clip(255 * curve[..., ::-1] + np.float32(0.5), 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _vignette(width: int, height: int) -> np.ndarray:
    """(H, W, 1) the fourth power of the cosine off axis, of a wide lens that is partly corrected."""
    v, u = np.mgrid[:height, :width]
    radius = ((u + 0.5 - width / 2) ** 2 + (v + 0.5 - height / 2) ** 2) / (0.8 * width) ** 2
    return (1 / (1 + 0.45 * radius) ** 2)[..., None].astype(np.float32)


def _glare(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) light that scatters in the lens around what is very bright."""
    height, width = image.shape[:2]
    bright = np.clip(image - np.float32(_BRIGHT), 0, _BLINDING)
    small = cv2.resize(bright, (width // 4, height // 4), interpolation=cv2.INTER_AREA)
    halo = sum(weight * cv2.GaussianBlur(small, (0, 0), sigma * width / 704) for weight, sigma in _HALOS)
    return cv2.resize(halo, (width, height), interpolation=cv2.INTER_LINEAR)


def _noise(exposed: np.ndarray, gain: float, rng: np.random.Generator) -> np.ndarray:
    """Shot noise, whose variance grows with the light, and read noise; both grow with the gain."""
    read = (_READ_NOISE * gain / _FULL_WELL) ** 2
    spread = np.sqrt(exposed * np.float32(gain / _FULL_WELL) + np.float32(read))
    return spread * _grain(rng, exposed.shape)


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Standard normal numbers cut from a fixed strip at a random place: cheap, and good enough for the eye."""
    size = int(np.prod(shape))
    strip = _grain_strip(size)
    start = int(rng.integers(len(strip) - size))
    return strip[start : start + size].reshape(shape)


@lru_cache(maxsize=2)
def _grain_strip(size: int) -> np.ndarray:
    return np.random.default_rng(11).standard_normal(size + 65536, np.float32)
