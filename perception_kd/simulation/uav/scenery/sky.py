"""The sky: its colour, clouds of several kinds, contrails."""

import numpy as np

from perception_kd.simulation.uav.panorama import Grid
from perception_kd.simulation.uav.scenery.noise import sample, spectral_tile, step
from perception_kd.simulation.uav.weather import Weather

_LOWEST = np.deg2rad(1.5)


def paint_sky(rng: np.random.Generator, grid: Grid, weather: Weather) -> np.ndarray:
    """(H, W, 3) float32 linear RGB."""
    directions = grid.directions()
    picture = weather.sky(directions)
    if weather.clouds != 'none':
        cover, shade = _CLOUDS[weather.clouds](rng, grid)
        # far clouds sink into the haze
        cover *= step(grid.elevation, -0.01, 0.10 if weather.clouds != 'closed' else 0.02)[:, None]
        colour = _cloud_colour(rng, weather, directions, picture, shade)
        picture += cover[..., None] * (colour - picture)
    if weather.name in ('clear', 'fair') and rng.random() < 0.2:
        _contrail(rng, grid, picture)
    return np.maximum(picture, 0)


def _cloud_colour(rng: np.random.Generator, weather: Weather, directions: np.ndarray, sky: np.ndarray,
                  shade: np.ndarray) -> np.ndarray:  # fmt: skip
    """(H, W, 3) light of clouds whose thickness towards us and away from the sun is ``shade``, 0 lit .. 1 dark."""
    if weather.clouds == 'closed':
        return sky * (1.12 - 0.5 * rng.uniform(0.25, 1.0) * shade)[..., None]
    lit = 0.55 * weather.sunlight + 0.55 * weather.above
    towards = np.maximum(directions @ weather.sun.astype(np.float32), 0)
    dark = 0.15 * lit + 0.75 * weather.above
    silver = 1 + 0.5 * towards**8
    colour = (lit * silver[..., None]) * (1 - shade[..., None]) + dark * shade[..., None]
    return (0.85 * colour + 0.15 * sky).astype(np.float32)


def _ceiling(grid: Grid, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Where rays meet a plane ``height`` above: columns and rows of a tile."""
    away = height / np.tan(np.maximum(grid.elevation, _LOWEST))[:, None]
    return away * np.sin(grid.azimuth), away * np.cos(grid.azimuth)


def _closed(rng: np.random.Generator, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    x, y = _ceiling(grid, np.exp(rng.uniform(np.log(20), np.log(90))))
    ripples = sample(spectral_tile(rng, 1.5), x + rng.uniform(0, 512), y)
    ripples = 0.75 * ripples + 0.25 * sample(spectral_tile(rng, 1.3, 2), 3 * x, 3 * y)
    ripples *= step(grid.elevation, _LOWEST, 0.2)[:, None]  # farther off they are too small to be seen
    return np.ones_like(ripples), step(ripples, -1.8, 1.8)


def _field(rng: np.random.Generator, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """A layer of clouds with gaps, seen from below."""
    x, y = _ceiling(grid, np.exp(rng.uniform(np.log(30), np.log(100))))
    tile, shift = spectral_tile(rng, rng.uniform(1.45, 1.75)), rng.uniform(0, 512)
    thick = sample(tile, x + shift, y)
    gap = rng.uniform(-0.8, 1.0)
    cover = step(thick, gap, gap + rng.uniform(0.7, 1.8))
    aside = sample(tile, x + shift + 6, y - 4)
    return cover * rng.uniform(0.75, 1.0), np.clip(0.35 * (thick - gap) + 0.35 * (thick - aside) + 0.1, 0, 1)


def _heaps(rng: np.random.Generator, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Heaped clouds with lit tops and flat grey feet, smaller towards the horizon."""
    height = np.maximum(grid.elevation, 0.02)[:, None]
    size = rng.uniform(70, 160) / np.sqrt(height + 0.06)
    x, y = grid.azimuth * size + rng.uniform(0, 512), np.log(height + 0.05) * rng.uniform(90, 170)
    base, fine = spectral_tile(rng, 1.55), spectral_tile(rng, 1.05)
    thick = sample(base, x, y) + 0.22 * np.abs(sample(fine, 2 * x, 2 * y)) - 0.15
    below = sample(base, x, y - 14) - thick  # towards the foot
    gap = rng.uniform(0.2, 1.4)
    cover = step(thick, gap, gap + 0.3)
    return cover, np.clip(0.1 + 0.30 * (thick - gap) - 0.6 * below + 0.12 * sample(fine, 2 * x, 2 * y), 0, 1)


def _wisps(rng: np.random.Generator, grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Thin high clouds, combed by the wind."""
    x, y = _ceiling(grid, np.exp(rng.uniform(np.log(60), np.log(160))))
    angle = rng.uniform(0, np.pi)
    along, across = np.cos(angle) * x + np.sin(angle) * y, np.cos(angle) * y - np.sin(angle) * x
    bend = 12 * sample(spectral_tile(rng, 1.8), 0.5 * x, 0.5 * y)
    thick = sample(spectral_tile(rng, 1.3, 0.25), along, across + bend)
    thick = thick + 0.8 * sample(spectral_tile(rng, 1.8), 0.7 * x, 0.7 * y)
    return rng.uniform(0.25, 0.7) * step(thick, 0.0, 2.6), np.zeros_like(thick) + 0.1


_CLOUDS = {'closed': _closed, 'field': _field, 'heaps': _heaps, 'wisps': _wisps}


def _contrail(rng: np.random.Generator, grid: Grid, picture: np.ndarray) -> None:
    """One or two old trails across the picture, frayed."""
    for _ in range(int(rng.integers(1, 3))):
        angle, reach = rng.uniform(-0.7, 0.7), grid.width * grid.pitch
        middle = grid.left + rng.uniform(0.2, 0.8) * reach, grid.top - rng.uniform(0, 0.7) * grid.height * grid.pitch
        x, y = grid.azimuth[None] - middle[0], grid.elevation[:, None] - middle[1]
        across, along = np.cos(angle) * y - np.sin(angle) * x, np.cos(angle) * x + np.sin(angle) * y
        frayed = spectral_tile(rng, 1.3)
        wide = reach * rng.uniform(0.003, 0.012) * (1 + 0.5 * sample(frayed, along * 900, across * 0 + 7))
        cover = np.exp(-((across / np.maximum(wide, 1e-4)) ** 2)) * step(along, -0.5 * reach, 0)
        cover *= np.clip(0.8 + 0.35 * sample(frayed, along * 2500, across * 2500), 0, 1) * rng.uniform(0.1, 0.45)
        picture += cover[..., None] * (0.8 - picture)
