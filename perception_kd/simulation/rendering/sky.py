"""The sky: from horizon to zenith, a glow around the sun, a layer of clouds."""

import numpy as np

from perception_kd.simulation.light import Light
from perception_kd.simulation.patterns import smooth_noise
from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.view import column


def sky(rays: np.ndarray, light: Light) -> np.ndarray:
    """Colour (3, N) float32 of the clear sky along unit directions (3, N)."""
    blend = np.sqrt(np.clip(rays[2], 0, 1))
    colour = column(light.horizon) + blend * column(light.zenith - light.horizon)
    if light.sun_colour.any():
        eighth = power_of_two(np.maximum(inner(rays, light.sun), 0), 3)
        colour += (np.float32(0.35) * eighth + 2 * power_of_two(eighth, 6)) * column(light.sun_colour)
    return colour


def cloudy_sky(rays: np.ndarray, light: Light) -> np.ndarray:
    """Colour (3, N) float32 of the sky with its clouds; a closed cover keeps lighter and darker parts."""
    colour = sky(rays, light)
    up = np.maximum(rays[2], np.float32(0.02))
    place = rays[:2] * (np.float32(9) / up) + np.float32(light.drift)
    value = smooth_noise(*place)
    if light.clouds >= 1:
        return colour * (1 + np.float32(0.07) * value * np.clip(up * 5, 0, 1))
    cover = np.clip(0.45 * value + np.float32(light.clouds - 0.4), 0, 0.75) * np.clip((up - 0.05) * 7, 0, 1)
    return colour + cover * (column(0.6 * light.horizon + 0.38 * light.sun_colour) - colour)


def power_of_two(value: np.ndarray, times: int) -> np.ndarray:
    """value ** (2 ** times) by squaring, which is much faster than ``**`` on many pixels."""
    for _ in range(times):
        value = value * value
    return value
