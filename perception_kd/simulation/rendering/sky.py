"""The sky: from horizon to zenith, a glow around the sun, a layer of clouds."""

import numpy as np

from perception_kd.simulation.light import Light
from perception_kd.simulation.patterns import smooth_noise
from perception_kd.simulation.poses import dot


def sky(directions: np.ndarray, light: Light) -> np.ndarray:
    """Colour (N, 3) float32 of the clear sky along unit ``directions`` (N, 3)."""
    blend = np.sqrt(np.clip(directions[:, 2:3], 0, 1))
    colour = light.horizon.astype(np.float32) + blend * (light.zenith - light.horizon).astype(np.float32)
    if light.sun_colour.any():
        eighth = power_of_two(np.maximum(dot(directions, light.sun), 0), 3)
        glow = np.float32(0.35) * eighth + 2 * power_of_two(eighth, 6)
        colour += glow[:, None] * light.sun_colour.astype(np.float32)
    return colour


def cloudy_sky(directions: np.ndarray, light: Light) -> np.ndarray:
    """Colour (N, 3) float32 of the sky with its clouds; a closed cover keeps lighter and darker parts."""
    colour = sky(directions, light)
    up = np.maximum(directions[:, 2], np.float32(0.02))
    place = directions[:, :2] * (np.float32(9) / up)[:, None] + np.float32(light.drift)
    value = smooth_noise(place[:, 0], place[:, 1])
    if light.clouds >= 1:
        shade = 1 + np.float32(0.07) * value * np.clip(up * 5, 0, 1)
        return colour * shade[:, None]
    cover = np.clip(0.45 * value + np.float32(light.clouds - 0.4), 0, 0.75) * np.clip((up - 0.05) * 7, 0, 1)
    cloud = (0.6 * light.horizon + 0.38 * light.sun_colour).astype(np.float32)
    return colour + cover[:, None] * (cloud - colour)


def power_of_two(value: np.ndarray, times: int) -> np.ndarray:
    """value ** (2 ** times) by squaring, which is much faster than ``**`` on many pixels."""
    for _ in range(times):
        value = value * value
    return value
