"""Light, sky and air of a sequence.

Colours are linear RGB; one unit of irradiance makes a white wall white.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Weather:
    """What lights a sequence.

    Args:
        name: A name of ``WEATHERS``.
        sun: (3,) unit vector towards the sun, in the world of ``flight``.
        sunlight: (3,) irradiance of the sun on what faces it.
        zenith, horizon, glow: (3,) colours of the sky: above, at the horizon, and what the sun adds around it.
        above, below: (3,) light from the sky and from the ground.
        haze: Distance in m at which 63 % of a colour is haze.
        clouds: What kind of clouds: ``none``, ``wisps``, ``heaps``, ``field`` or ``closed``.
        shutter: Exposure time in s.
        noise: Variance of shot noise at full exposure.
    """

    name: str
    sun: np.ndarray
    sunlight: np.ndarray
    zenith: np.ndarray
    horizon: np.ndarray
    glow: np.ndarray
    above: np.ndarray
    below: np.ndarray
    haze: float
    clouds: str
    shutter: float
    noise: float

    def sky(self, directions: np.ndarray) -> np.ndarray:
        """Colour (..., 3) of the cloudless sky in unit directions (..., 3)."""
        up = np.maximum(-directions[..., 1:2], 0.0)
        colour = self.zenith + (self.horizon - self.zenith) * np.exp(-4.2 * up)
        towards = np.maximum(directions @ self.sun.astype(directions.dtype), 0)[..., None]
        return (colour + self.glow * (0.35 * towards**4 + 0.65 * towards**24)).astype(np.float32)

    def air(self, distance: np.ndarray | float) -> np.ndarray | float:
        """Share of haze in what is seen over ``distance`` m."""
        return 1 - np.exp(-np.asarray(distance) / self.haze)


def srgb(*values: float) -> np.ndarray:
    """Linear (3,) of a colour as pictures have it, 0..255."""
    return ((np.array(values) / 255) ** 2.2).astype(np.float32)


def _sun(rng: np.random.Generator, low: float, high: float) -> np.ndarray:
    elevation, azimuth = np.deg2rad(rng.uniform(low, high)), rng.uniform(-np.pi, np.pi)
    return np.array([np.cos(elevation) * np.sin(azimuth), -np.sin(elevation), np.cos(elevation) * np.cos(azimuth)])


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def _clear(rng: np.random.Generator) -> Weather:
    deep = rng.uniform(0, 1)
    zenith = (1 - deep) * srgb(98, 140, 192) + deep * srgb(46, 98, 180)
    horizon = rng.uniform(0.75, 1.05) * ((1 - deep) * srgb(186, 205, 222) + deep * srgb(150, 188, 226))
    strength = rng.uniform(0.8, 1.1)
    return Weather(
        'clear', _sun(rng, 12, 60), strength * np.array([1.25, 1.14, 0.97]), zenith, horizon, srgb(120, 120, 110),
        np.array([0.28, 0.34, 0.44]), np.array([0.17, 0.15, 0.12]) * rng.uniform(0.7, 1.5),
        haze=_between(rng, 6e3, 30e3), clouds=str(rng.choice(['none', 'none', 'wisps'])),
        shutter=_between(rng, 1 / 3000, 1 / 250), noise=6e-5)  # fmt: skip


def _fair(rng: np.random.Generator) -> Weather:
    base = _clear(rng)
    return replace(base, name='fair', above=1.1 * base.above, clouds=str(rng.choice(['heaps', 'field'])))


def _overcast(rng: np.random.Generator) -> Weather:
    grey, tint = rng.uniform(0.6, 1.1), np.exp(rng.normal(0, (0.03, 0.0, 0.05)))
    return Weather(
        'overcast', _sun(rng, 30, 60), np.full(3, rng.choice([0.0, 0.15])), grey * tint * srgb(168, 173, 182),
        grey * tint * srgb(196, 200, 206), np.zeros(3), grey * np.array([0.6, 0.62, 0.66]),
        grey * np.array([0.13, 0.13, 0.12]), haze=_between(rng, 2.5e3, 15e3), clouds='closed',
        shutter=_between(rng, 1 / 800, 1 / 80), noise=1.5e-4)  # fmt: skip


def _dusk(rng: np.random.Generator) -> Weather:
    red = rng.uniform(0, 1)
    return Weather(
        'dusk', _sun(rng, 1, 7), np.array([0.6, 0.33, 0.15]) * rng.uniform(0.2, 1.0), srgb(66, 86, 132),
        (1 - red) * srgb(170, 160, 168) + red * srgb(206, 160, 136), srgb(225, 150, 80) * rng.uniform(0.4, 1.2),
        np.array([0.22, 0.25, 0.33]), np.array([0.07, 0.06, 0.055]), haze=_between(rng, 3e3, 12e3),
        clouds=str(rng.choice(['none', 'wisps', 'heaps', 'field'])), shutter=_between(rng, 1 / 200, 1 / 30),
        noise=5e-4)  # fmt: skip


def _haze(rng: np.random.Generator) -> Weather:
    white = rng.uniform(0.75, 1.05) * srgb(205, 210, 214)
    return Weather(
        'haze', _sun(rng, 20, 55), np.array([0.6, 0.55, 0.45]) * rng.uniform(0.3, 1),
        0.75 * white * (0.85, 0.95, 1.08), white, srgb(110, 105, 90), np.array([0.45, 0.47, 0.5]),
        np.array([0.15, 0.14, 0.13]), haze=_between(rng, 500, 2500), clouds=str(rng.choice(['none', 'wisps'])),
        shutter=_between(rng, 1 / 1500, 1 / 150), noise=1e-4)  # fmt: skip


WEATHERS = {'clear': (_clear, 0.32), 'fair': (_fair, 0.25), 'overcast': (_overcast, 0.21), 'dusk': (_dusk, 0.11),
            'haze': (_haze, 0.11)}  # fmt: skip
"""How each is drawn, and its share of the sequences."""


def draw_weather(rng: np.random.Generator, name: str | None = None) -> Weather:
    """Weather of a kind, or of any."""
    makers = {key: maker for key, (maker, _) in WEATHERS.items()}
    return makers[name or str(rng.choice(list(makers), p=[share for _, share in WEATHERS.values()]))](rng)
