"""Colours that go together, mostly pale as those of real things."""

import cv2
import numpy as np

_HUES = (0.03, 0.06, 0.08, 0.1, 0.12, 0.15, 0.27, 0.33, 0.55, 0.6, 0.64, 0.0, 0.45, 0.78, 0.92)
"""Browns, ochres, greens and blues are more frequent than violet and pink."""


def draw_palette(
    rng: np.random.Generator,
    count: int,
    *,
    hue: float | None = None,
    saturation: float | None = None,
    contrast: float = 1.0,
) -> np.ndarray:
    """(count, 3) sRGB 0..1 around one hue (0..1), some of them strays.

    Args:
        rng: Decides what is not given.
        count: Number of colours.
        hue, saturation: Of the palette.
        contrast: Spread of brightness and hue.
    """
    hue = _HUES[rng.integers(len(_HUES))] + rng.normal(0, 0.03) if hue is None else hue
    saturation = rng.beta(1.1, 3.0) if saturation is None else saturation
    middle = rng.uniform(0.15, 0.85)
    value = np.clip(middle + contrast * rng.uniform(-0.45, 0.45, count), 0.03, 0.97)
    hues = hue + contrast * rng.normal(0, 0.04, count) + (rng.random(count) < 0.2 * contrast) * rng.random(count)
    saturations = np.clip(saturation + contrast * rng.normal(0, 0.15, count), 0, 1)
    hsv = np.stack([hues % 1.0 * 360, saturations, value], -1).astype(np.float32)
    return cv2.cvtColor(hsv[None], cv2.COLOR_HSV2RGB)[0]


def gradient(value: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) of values (H, W), 0..1, along the palette (K, 3)."""
    table = np.linspace(0, len(palette) - 1, 256)
    low = np.minimum(table.astype(int), len(palette) - 2)
    table = palette[low] + (palette[low + 1] - palette[low]) * (table - low)[:, None]
    return table.astype(np.float32)[(np.clip(value, 0, 1) * 255).astype(np.uint8)]


def paint_with(picture: np.ndarray, noise: np.ndarray, strength: float) -> np.ndarray:
    """The picture (H, W, 3) made lighter and darker by noise (H, W)."""
    return picture * (1 + strength * noise)[..., None]
