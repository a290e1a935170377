"""Daylight: where the sun stands, what the sky looks like, how thick the haze is."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Light:
    """Colours are linear RGB.

    Args:
        sun: Unit vector towards the sun, world frame.
        sun_colour: Irradiance of the sun on a surface that faces it.
        sky: Irradiance from above.
        bounce: Irradiance from below (light that the ground throws back).
        zenith, horizon: Colours of the sky.
        cloud_drift: Shifts the clouds.
        haze: Distance in m at which 63 % of the colour is haze.
        name: What a scene description says.
    """

    sun: np.ndarray
    sun_colour: np.ndarray
    sky: np.ndarray
    bounce: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    cloud_drift: float
    haze: float
    name: str


def daylight(rng: np.random.Generator) -> Light:
    """A fair day with the sun anywhere between 25 and 60 degrees high."""
    elevation, azimuth = np.deg2rad(rng.uniform(25, 60)), rng.uniform(-np.pi, np.pi)
    sun = np.array(
        [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    )
    strength = rng.uniform(0.85, 1.15)
    return Light(
        sun=sun,
        sun_colour=strength * np.array([1.55, 1.45, 1.28]),
        sky=np.array([0.52, 0.60, 0.74]),
        bounce=np.array([0.22, 0.21, 0.19]),
        zenith=np.array([0.16, 0.33, 0.72]),
        horizon=np.array([0.66, 0.75, 0.86]),
        cloud_drift=rng.uniform(0, 256),
        haze=rng.uniform(260, 480),
        name='daylight',
    )
