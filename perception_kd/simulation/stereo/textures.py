"""Procedural textures: square tiles of colour, drawn from a generator."""

from collections.abc import Callable

import cv2
import numpy as np

from perception_kd.simulation.stereo.collages import dead_leaves, facade, lettering, strokes, tiling, weave
from perception_kd.simulation.stereo.noise import draw_noise, noise_tiles
from perception_kd.simulation.stereo.palettes import draw_palette, gradient, paint_with


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    return gradient(draw_noise(rng, size) * rng.uniform(0.12, 0.35) + 0.5, draw_palette(rng, rng.integers(2, 6)))


def _two_tone(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise cut at a threshold: camouflage, moss, peeling paint."""
    edge = np.clip(draw_noise(rng, size, (2, 10)) * rng.uniform(2, 12) + 0.5, 0, 1)
    fine = draw_noise(rng, size, (0, 4)) * rng.uniform(0.02, 0.1)
    return gradient(0.8 * edge + 0.1 + fine, draw_palette(rng, 3))


def _wood(rng: np.random.Generator, size: int) -> np.ndarray:
    tiles = noise_tiles(size)
    rings = draw_noise(rng, size, (8, 10)) * rng.uniform(0.1, 0.6) + np.linspace(0, rng.uniform(2, 9), size)[:, None]
    value = 0.5 + 0.25 * np.sin(2 * np.pi * rings) + 0.15 * tiles[rng.integers(10, 12)].T * rng.choice([0.5, 1.0])
    palette = draw_palette(rng, 3, hue=rng.uniform(0.03, 0.11))
    return gradient(value, palette)


def _brushed(rng: np.random.Generator, size: int) -> np.ndarray:
    return gradient(0.5 + 0.12 * draw_noise(rng, size, (10, 12)), draw_palette(rng, 2, saturation=0.15))


def _marble(rng: np.random.Generator, size: int) -> np.ndarray:
    veins = np.abs(draw_noise(rng, size, (4, 10))) ** rng.uniform(0.3, 0.8)
    return gradient(np.clip(veins * rng.uniform(0.5, 0.9), 0, 1), draw_palette(rng, 3))


def _speckle(rng: np.random.Generator, size: int) -> np.ndarray:
    """Gravel, granite, plaster: grains of one size on a ground."""
    grain = cv2.GaussianBlur(rng.standard_normal((size, size)).astype(np.float32), (0, 0), rng.uniform(0.6, 5))
    grain /= grain.std()
    return gradient(0.5 + rng.uniform(0.1, 0.3) * grain + 0.08 * draw_noise(rng, size), draw_palette(rng, 4))


def _plain(rng: np.random.Generator, size: int) -> np.ndarray:
    """Walls, plastic, lacquer: hardly anything to match."""
    value = 0.5 + rng.choice([0.0, 0.01, 0.03]) * draw_noise(rng, size, (6, 10)) / 3
    return gradient(value, draw_palette(rng, 2, contrast=0.15))


def _mixed(rng: np.random.Generator, size: int) -> np.ndarray:
    """Two textures, the one laid over parts of the other."""
    first, second = (TEXTURES[rng.integers(len(TEXTURES) - 1)](rng, size) for _ in range(2))
    cover = np.clip(draw_noise(rng, size, (4, 10)) * rng.uniform(1, 10) + rng.uniform(-1, 1), 0, 1)[..., None]
    return first + (second - first) * cover


TEXTURES: tuple[Callable[[np.random.Generator, int], np.ndarray], ...] = (
    _clouds, _two_tone, _wood, _brushed, _marble, _speckle, _plain, dead_leaves, facade, lettering, strokes, tiling,
    weave, _mixed,
)  # fmt: skip
_NAMED = {brush.__name__.lstrip('_'): brush for brush in TEXTURES}
_SHARES = {'clouds': 2, 'two_tone': 1.5, 'wood': 1.5, 'brushed': 0.6, 'marble': 1, 'speckle': 2, 'plain': 2.2,
           'dead_leaves': 3, 'facade': 0.4, 'lettering': 2.5, 'strokes': 1.2, 'tiling': 1.6, 'weave': 1.2,
           'mixed': 1.6}  # fmt: skip


def draw_texture(rng: np.random.Generator, size: int, kind: str | None = None) -> np.ndarray:
    """A texture (size, size, 3) float32 of linear RGB 0..1; tile it by mirroring.

    Args:
        rng: Decides everything.
        size: Texels.
        kind: A name of ``_SHARES``; drawn if not given.
    """
    if kind is None:
        shares = np.array(list(_SHARES.values()))
        kind = rng.choice(list(_SHARES), p=shares / shares.sum())
    picture = _NAMED[kind](rng, size)
    if kind not in ('plain', 'facade') and rng.random() < 0.5:
        picture = paint_with(picture, draw_noise(rng, size, (0, 8)), rng.uniform(0.02, 0.12))
    return np.clip(picture, 0.0, 1.0).astype(np.float32) ** 2.2


def draw_leaf(rng: np.random.Generator, hue: float, size: int = 32) -> np.ndarray:
    """A small texture (size, size, 3) of veined leaves of a hue (0..1), linear RGB."""
    value = 0.5 + 0.15 * rng.standard_normal((size // 8, size // 8)).astype(np.float32)
    value = cv2.resize(value, (size, size), interpolation=cv2.INTER_CUBIC)
    palette = draw_palette(rng, 3, hue=hue, saturation=rng.uniform(0.3, 0.8), contrast=0.6)
    return np.clip(gradient(value, palette), 0, 1).astype(np.float32) ** 2.2
