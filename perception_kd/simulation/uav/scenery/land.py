"""Fields, water, hills and rows of trees."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.uav.panorama import Grid, Layer
from perception_kd.simulation.uav.scenery.noise import line, sample, spectral_tile, step
from perception_kd.simulation.uav.weather import Weather, srgb

_GROUNDS = {'grass': (70, 88, 42), 'dry grass': (128, 112, 72), 'soil': (98, 82, 66), 'green crop': (84, 112, 48),
            'sand': (168, 152, 126), 'asphalt': (104, 104, 106), 'snow': (226, 230, 236)}  # fmt: skip
_WOODS = {'bare': (86, 72, 60), 'fir': (38, 52, 34), 'leafy': (66, 88, 40), 'autumn': (122, 88, 42),
          'dark': (46, 50, 36)}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where the camera stands.

    Args:
        grid: Cells.
        weather: Light and air.
        height: Of the camera above the ground in m.
    """

    grid: Grid
    weather: Weather
    height: float

    def lit(self, albedo: np.ndarray, sunny: np.ndarray | float = 0.5) -> np.ndarray:
        """Light (..., 3) that an albedo (..., 3) throws back; ``sunny`` (...) is the sun's cosine."""
        sun = np.asarray(sunny, np.float32)[..., None] * self.weather.sunlight
        return albedo * (0.75 * self.weather.above + 0.25 * self.weather.below + sun)

    def hazed(self, colour: np.ndarray, distance: np.ndarray | float) -> np.ndarray:
        """A colour (..., 3) as it arrives from ``distance`` (...) m."""
        share = np.asarray(self.weather.air(distance), np.float32)[..., None]
        return (colour + share * (self.weather.horizon - colour)).astype(np.float32)

    def layer(self, distance: float, colour: np.ndarray, alpha: np.ndarray, top: int, left: int = 0) -> Layer:
        """A layer of hazed ``colour`` (h, w, 3), not yet times ``alpha`` (h, w)."""
        alpha = alpha.astype(np.float32)
        return Layer(distance, top, left, (self.hazed(colour, distance) * alpha[..., None]).astype(np.float32), alpha)


def rows_between(grid: Grid, high: float, low: float) -> slice:
    """Rows of a grid between two elevations."""
    first, last = (int(np.clip(grid.row(edge), 0, grid.height)) for edge in (high, low))
    return slice(first, max(last, first))


def paint_ground(rng: np.random.Generator, place: Place) -> Layer | None:
    """Fields or water from the horizon down; they hide nothing, so they count as endlessly far."""
    rows = rows_between(place.grid, 0.004, -np.pi / 2)
    part = place.grid.part(rows)
    if not part.height:
        return None
    away = place.height / np.maximum(np.tan(-part.elevation), 1e-4)[:, None]
    x, y = away * np.sin(part.azimuth), away * np.cos(part.azimuth)
    kinds = [str(kind) for kind in rng.choice(list(_GROUNDS), 3, p=[0.27, 0.22, 0.14, 0.17, 0.08, 0.07, 0.05])]
    border = np.exp(line(rng, part.azimuth, 1.5, 1.2) * 0.15)[None]
    colour = np.broadcast_to(srgb(*_GROUNDS[kinds[0]]), (*x.shape, 3))
    for kind, edge in zip(kinds[1:], np.exp(rng.uniform(np.log(25), np.log(600), 2))):
        share = step(away / border, edge, 1.08 * edge)[..., None]
        colour = colour + share * (srgb(*_GROUNDS[kind]) - colour)
    coarse, fine = spectral_tile(rng, 1.3), spectral_tile(rng, 0.8)
    blades = np.exp(-away * part.pitch * 4)  # what is smaller than a cell averages out
    texture = 1 + 0.16 * sample(coarse, x * 2.1, y * 0.9) + 0.3 * blades * sample(fine, x * 30, y * 30)
    texture += 0.07 * sample(fine, part.azimuth / part.pitch * 0.7, np.log(away) * 90)
    colour = place.lit(colour * np.clip(texture, 0.3, 2)[..., None], 0.75 * max(-place.weather.sun[1], 0.15))
    if rng.random() < 0.12:
        colour = _water(rng, place, part, away, colour)
    colour = place.hazed(colour, np.broadcast_to(away, x.shape))
    alpha = np.broadcast_to(np.clip(-part.elevation / part.pitch + 0.5, 0, 1)[:, None], x.shape).astype(np.float32)
    return Layer(np.inf, rows.start, 0, colour * alpha[..., None], alpha)


def _water(rng: np.random.Generator, place: Place, part: Grid, away: np.ndarray, colour: np.ndarray) -> np.ndarray:
    """A lake or the sea beyond a shore: the sky's colour with ripples."""
    shore = rng.uniform(60, 250)
    ripples = sample(spectral_tile(rng, 0.9, 5.0), part.azimuth / part.pitch * 0.6, np.log(away) * 120)
    tint = 0.55 * place.weather.horizon + 0.25 * place.weather.zenith
    water = tint * np.clip(0.75 + 0.22 * ripples, 0.2, 1.6)[..., None]
    share = step(away + 0 * ripples, shore, 1.1 * shore)[..., None]
    return colour + share * (water - colour)


def paint_hills(rng: np.random.Generator, place: Place, distance: float) -> Layer | None:
    """A ridge against the sky, wooded or bare."""
    grid = place.grid
    height = np.deg2rad(np.exp(rng.uniform(np.log(0.6), np.log(5.0))))
    ridge = height * np.clip(0.65 + 0.3 * line(rng, grid.azimuth, 1.7, rng.uniform(0.8, 2.5)), 0.1, 1.6)
    trees = spectral_tile(rng, 0.9)
    ridge = ridge + 7.0 / distance * (1 + 0.5 * line(rng, grid.azimuth, 0.6, 0.6))
    rows = rows_between(grid, float(ridge.max()) + 3 * grid.pitch, -0.01)
    part = grid.part(rows)
    if not part.height:
        return None
    alpha = np.clip((ridge - part.elevation[:, None]) / grid.pitch + 0.5, 0, 1)
    wood = srgb(*_WOODS[str(rng.choice(list(_WOODS)))])
    field = srgb(*_GROUNDS[str(rng.choice(['grass', 'dry grass', 'green crop']))])
    x, y = part.azimuth[None] * distance / 12, part.elevation[:, None] * distance / 4
    share = step(sample(spectral_tile(rng, 1.5), x * 0.4, y * 0.4), rng.uniform(-2, 1.5), 2)[..., None]
    texture = np.clip(1 + 0.25 * sample(trees, 3 * x, 3 * y), 0.3, 2)[..., None]
    colour = place.lit((wood + share * (field - wood)) * texture, 0.4)
    return place.layer(distance, colour, alpha, rows.start)


def paint_woods(rng: np.random.Generator, place: Place, distance: float) -> Layer | None:
    """The edge of a wood or a row of trees: crowns against the sky, trunks and shade below."""
    grid, kind = place.grid, str(rng.choice(list(_WOODS)))
    metres = grid.azimuth * distance
    tall = rng.uniform(9, 22) * _crowns(rng, metres, kind, gaps=rng.choice([-9.0, rng.uniform(-1.5, 0.5)]))
    tall = np.maximum(tall, 1.8 + 0.6 * line(rng, metres, 0.6, 80))  # bushes
    rows = rows_between(grid, np.arctan2(float(tall.max()) * 1.1 - place.height, distance), -place.height / distance)
    part = grid.part(rows)
    if not part.height:
        return None
    above = np.tan(part.elevation)[:, None] * distance + place.height  # m over the ground
    fine, clumps = spectral_tile(rng, 0.7), spectral_tile(rng, 1.1)
    trunks = spectral_tile(rng, 0.8, 0.15)
    leaf = sample(fine, metres * 9, above * 9)
    clump = sample(clumps, metres * 4, above * 4)
    thin = {'bare': 2.4, 'fir': 1.2}.get(kind, 2.2)  # how far twigs reach into the air
    edge = tall[None] - above + thin * (0.4 * leaf + 0.5 * clump + 0.4 * sample(clumps, metres * 1.3, above * 1.6))
    alpha = np.clip(edge / max(thin, 1.5 * distance * grid.pitch), 0, 1)
    deep = np.clip((tall[None] - above) / np.maximum(tall[None], 1), 0, 1)
    texture = 1 + 0.22 * leaf + 0.28 * clump
    texture += (0.45 if kind == 'bare' else 0.15) * sample(trunks, metres * 14, above * 3) * step(deep, 0.1, 0.6)
    shade = np.clip(texture, 0.25, 2.2) * (1.1 - 0.6 * deep)
    sunny = 0.55 * max(float(-place.weather.sun[2]) * 0.6 + 0.5, 0.1)  # with the sun in the back
    colour = place.lit(srgb(*_WOODS[kind]) * shade[..., None], sunny * np.clip(0.8 + 0.4 * clump, 0, 1.8))
    return place.layer(distance, colour, alpha, rows.start)


def _crowns(rng: np.random.Generator, metres: np.ndarray, kind: str, gaps: float) -> np.ndarray:
    """(W,) height of the tree tops, 0..1, along a row; no trees where noise is less than ``gaps``."""
    apart = 2.2 if kind == 'fir' else 3.2
    first, last = metres[0] - 10, metres[-1] + 10
    count = min(int((last - first) / apart) + 1, 4000)
    centre = np.sort(rng.uniform(first, last, count))
    grown = 0.72 + 0.1 * line(rng, centre, 1.0, 150)
    high, wide = grown * rng.uniform(0.65, 1.15, count), apart * rng.uniform(0.5, 1.3, count)
    high *= 1 - 0.45 * (rng.random(count) < 0.4)
    stands = line(rng, centre, 1.2, rng.uniform(150, 900)) > gaps
    top = np.zeros_like(metres)
    for place, height, width in zip(centre[stands], high[stands], wide[stands]):
        low, stop = np.searchsorted(metres, (place - width, place + width))
        away = np.abs(metres[low:stop] - place) / width
        shape = 1 - 0.75 * away if kind == 'fir' else np.sqrt(np.maximum(1 - 0.93 * away**2, 0))
        top[low:stop] = np.maximum(top[low:stop], height * shape)
    return top
