"""Time of day and weather: sun, sky, haze, rain, and how long a camera exposes in such light.

Colours are linear RGB. One unit of irradiance gives a white wall full exposure by day; at night and at dusk
the camera's ``gain`` makes up for the missing light, and noise and motion blur grow with it.
"""

from dataclasses import dataclass, replace

import numpy as np

PLAN = (
    'day', 'day', 'rain', 'day', 'night', 'dusk', 'day', 'day', 'day', 'night', 'day', 'rain',
    'day', 'day', 'rain', 'day', 'night rain', 'dusk', 'day', 'day', 'day', 'night', 'day', 'rain',
)  # fmt: skip
"""Conditions of scenes 0, 1, ...; then again from the start. By number and not by chance, so that a short data
set has its share of each (nuScenes: 12 % night, 19 % rain), the first eight scenes (a short training split) show
all four, and its last third (validation, test) is not all day."""


@dataclass(frozen=True)
class Light:
    """What lights a scene.

    Args:
        name: ``day``, ``dusk``, ``night``, ``rain`` or ``night rain``.
        sun: Unit vector towards the sun, world frame.
        sun_colour: Irradiance of the sun on a surface that faces it; zero when it is hidden.
        sky: Irradiance from above.
        bounce: Irradiance from below (light that the ground throws back).
        zenith, horizon: Colours of the sky.
        clouds: Cover of the sky, 0 clear .. 1 overcast.
        haze: Distance in m at which 63 % of the colour is haze.
        lamps: Light of lamps in the camera's exposure: 1 at night, next to nothing by day.
        daylight: 1 by day, about 0.3 at dusk, 0 at night.
        rain: 0 none .. 1 heavy.
        wetness: Of the ground, 0 dry .. 1 puddles.
        gain: Amplification of the sensor, 1 by day.
        shutter: Exposure time in s.
        drift: 0..256, shifts clouds and puddles and draws the drops on lenses.
    """

    name: str
    sun: np.ndarray
    sun_colour: np.ndarray
    sky: np.ndarray
    bounce: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    clouds: float = 0.3
    haze: float = 350.0
    lamps: float = 0.0
    daylight: float = 1.0
    rain: float = 0.0
    wetness: float = 0.0
    gain: float = 1.0
    shutter: float = 0.0015
    drift: float = 0.0

    @property
    def night(self) -> bool:
        """No light but what lamps give."""
        return self.daylight == 0

    @property
    def lamps_on(self) -> bool:
        """Street lamps and windows are lit; vehicles also light up in rain."""
        return self.daylight < 0.5


def draw_light(rng: np.random.Generator, scene: int) -> Light:
    """Time of day and weather of a scene; which of them follows from its number, see ``PLAN``."""
    return CONDITIONS[PLAN[scene % len(PLAN)]](rng)


def _towards(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    """Unit vector between two elevations in degrees, from anywhere."""
    elevation, azimuth = np.deg2rad(rng.uniform(low, high)), rng.uniform(-np.pi, np.pi)
    across = np.cos(elevation)
    return np.array([across * np.cos(azimuth), across * np.sin(azimuth), np.sin(elevation)])


def daylight(rng: np.random.Generator) -> Light:
    """A fair day with the sun anywhere between 25 and 60 degrees high."""
    return Light(
        name='day',
        sun=_towards(rng, 25, 60),
        sun_colour=rng.uniform(0.85, 1.15) * np.array([2.0, 1.83, 1.55]),
        sky=np.array([0.44, 0.52, 0.66]),
        bounce=np.array([0.24, 0.22, 0.19]),
        zenith=np.array([0.13, 0.30, 0.74]),
        horizon=np.array([0.62, 0.73, 0.88]),
        clouds=rng.uniform(0.1, 0.6),
        haze=rng.uniform(500, 1300),
        drift=rng.uniform(0, 256),
    )


def dusk(rng: np.random.Generator) -> Light:
    """The sun 4 to 9 degrees high: warm light, long shadows, blue shade; lamps are lit."""
    return Light(
        name='dusk',
        sun=_towards(rng, 4, 9),
        sun_colour=rng.uniform(0.8, 1.2) * np.array([1.15, 0.60, 0.26]),
        sky=np.array([0.27, 0.31, 0.43]),
        bounce=np.array([0.11, 0.095, 0.09]),
        zenith=np.array([0.10, 0.17, 0.37]),
        horizon=np.array([0.60, 0.47, 0.44]),
        clouds=rng.uniform(0.2, 0.7),
        haze=rng.uniform(260, 420),
        lamps=0.3,
        daylight=0.3,
        gain=2.2,
        shutter=0.006,
        drift=rng.uniform(0, 256),
    )


def night(rng: np.random.Generator) -> Light:
    """No sun; a faint glow of the town over the horizon."""
    glow = rng.uniform(0.7, 1.3)
    return Light(
        name='night',
        sun=_towards(rng, 20, 60),
        sun_colour=np.zeros(3),
        sky=glow * np.array([0.016, 0.017, 0.021]),
        bounce=glow * np.array([0.012, 0.011, 0.010]),
        zenith=glow * np.array([0.003, 0.004, 0.007]),
        horizon=glow * np.array([0.020, 0.017, 0.016]),
        clouds=rng.uniform(0.1, 0.5),
        haze=rng.uniform(400, 700),
        lamps=1.0,
        daylight=0.0,
        gain=2.5,
        shutter=0.02,
        drift=rng.uniform(0, 256),
    )


def rain(rng: np.random.Generator) -> Light:
    """A closed grey sky by day, no shadows, a wet road."""
    strength = rng.uniform(0.35, 1.0)
    grey = rng.uniform(0.85, 1.1)
    return Light(
        name='rain',
        sun=_towards(rng, 40, 60),
        sun_colour=np.zeros(3),
        sky=grey * np.array([0.60, 0.63, 0.67]),
        bounce=grey * np.array([0.17, 0.17, 0.17]),
        zenith=grey * np.array([0.46, 0.49, 0.53]),
        horizon=grey * np.array([0.60, 0.63, 0.66]),
        clouds=1.0,
        haze=240 - 120 * strength,
        lamps=0.08,
        rain=strength,
        wetness=0.6 + 0.4 * strength,
        gain=1.3,
        shutter=0.0018,
        drift=rng.uniform(0, 256),
    )


def rainy_night(rng: np.random.Generator) -> Light:
    """Night and rain together."""
    strength = rng.uniform(0.35, 1.0)
    return replace(
        night(rng),
        name='night rain',
        clouds=1.0,
        haze=260 - 120 * strength,
        rain=strength,
        wetness=0.6 + 0.4 * strength,
    )


CONDITIONS = {'day': daylight, 'dusk': dusk, 'night': night, 'rain': rain, 'night rain': rainy_night}
