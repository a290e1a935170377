"""Rain as a camera sees it: streaks in the air, drops on the lens."""

import cv2
import numpy as np

from perception_kd.simulation.light import Light

_STREAKS, _DROPS = 320, 14
"""Most of them in a picture."""
_LIFE = 4.0
"""Seconds that a drop stays on the lens, about."""


def add_rain(image: np.ndarray, light: Light, channel: str, time: float, rng: np.random.Generator) -> np.ndarray:
    """The linear picture (H, W, 3) with streaks and drops; the drops stay for a while, the streaks do not.

    Args:
        image: Linear RGB.
        light: How much it rains.
        channel: The camera, which has drops of its own.
        time: In s.
        rng: Draws the streaks.
    """
    if not light.rain:
        return image
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(width // 8, 8), max(height // 8, 8)), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), 1.2)
    image = _streaks(image, cv2.GaussianBlur(small, (0, 0), 6), light, rng)
    for number in range(_DROPS):
        _drop(image, soft, light, [*channel.encode(), number], time)
    return image


def _streaks(image: np.ndarray, around: np.ndarray, light: Light, rng: np.random.Generator) -> np.ndarray:
    """Thin lines that lean with the wind; lighter than what lies behind, most of all near lights."""
    height, width = image.shape[:2]
    count = rng.poisson(_STREAKS * light.rain)
    unit, lean = width / 704, 0.12 * np.sin(light.drift)
    top = rng.uniform([-20 * unit, -30 * unit], [width, height], (count, 2))
    reach, leans = rng.gamma(2.0, 6 * unit, count), lean + rng.normal(0, 0.05, count)
    ends = top + reach[:, None] * np.stack([leans, np.ones(count)], 1)
    strength = rng.uniform(8, 50, count)
    cover = np.zeros((height, width), np.uint8)
    thickness = max(1, round(unit))
    for (a, b), (c, d), value in zip(top.astype(int).tolist(), ends.astype(int).tolist(), strength.tolist()):
        cv2.line(cover, (a, b), (c, d), value, thickness, cv2.LINE_AA)
    cover = cv2.GaussianBlur(cover, (3, 3), 0.7)[..., None] * np.float32(1 / 255)
    target = cv2.resize(around, (width, height)) * 1.2 + 0.3 * light.horizon.astype(np.float32)
    return image + cover * (target - image)


def _drop(image: np.ndarray, soft: np.ndarray, light: Light, key: list[int], time: float) -> None:
    """One drop, far out of focus: a soft blob that shows the scene small, blurred and upside down."""
    phase = np.random.default_rng([*key, int(light.drift * 1000)]).uniform(0, 1, 2)
    life = _LIFE * (0.6 + phase[1])
    rng = np.random.default_rng([*key, int(light.drift * 1000), int(time / life + phase[0] + 10)])
    if rng.random() > light.rain:
        return
    height, width = image.shape[:2]
    radius = width * (0.008 + 0.02 * rng.random() ** 2)
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    left, right = max(0, int(x - 1.4 * radius)), min(width, int(x + 1.4 * radius) + 1)
    top, bottom = max(0, int(y - 1.4 * radius)), min(height, int(y + 1.4 * radius) + 1)
    v, u = np.mgrid[top:bottom, left:right].astype(np.float32)
    across, down = (u + 0.5 - x) / radius, (v + 0.5 - y) / radius
    angle, lumps = np.arctan2(down, across), rng.uniform(0, 2 * np.pi, 2)
    edge = 1 + 0.12 * np.sin(2 * angle + lumps[0]) + 0.07 * np.sin(3 * angle + lumps[1])
    distance = np.hypot(across, down) / edge
    cover = np.clip((1.15 - distance) / 0.4, 0, 1)
    cover *= cover * (3 - 2 * cover) * np.float32(0.8)
    scale = soft.shape[1] / width
    bent = _sample(soft, (x - 4 * radius * across) * scale, (y - 4 * radius * down) * scale)
    patch = image[top:bottom, left:right]
    patch += cover[..., None] * (1.06 * bent - patch)


def _sample(soft: np.ndarray, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Colours at places (h, w) of a small picture; beyond its border it is mirrored."""
    return cv2.remap(
        soft, u.astype(np.float32) - 0.5, v.astype(np.float32) - 0.5, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
