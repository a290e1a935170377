"""The whole background of a sequence."""

import numpy as np

from perception_kd.simulation.uav.panorama import Grid, Layer, Panorama
from perception_kd.simulation.uav.scenery.houses import paint_houses
from perception_kd.simulation.uav.scenery.land import Place, paint_ground, paint_hills, paint_woods
from perception_kd.simulation.uav.scenery.masts import paint_mast, paint_wires
from perception_kd.simulation.uav.scenery.sky import paint_sky
from perception_kd.simulation.uav.scenery.trees import paint_tree
from perception_kd.simulation.uav.weather import Weather


def paint_panorama(rng: np.random.Generator, grid: Grid, weather: Weather, height: float, view: float) -> Panorama:
    """Sky, land and what stands on it, as a camera ``height`` m above the ground sees it, whose picture is ``view`` rad
    high."""
    place = Place(grid, weather, height)
    picture = paint_sky(rng, grid, weather)
    layers = [layer for layer in _layers(rng, place, view) if layer is not None]
    layers.sort(key=lambda layer: -layer.distance)
    for layer in layers:
        layer.over(picture)
    return Panorama(grid, picture, tuple(layer for layer in layers[::-1] if np.isfinite(layer.distance)))


def _layers(rng: np.random.Generator, place: Place, view: float) -> list[Layer | None]:
    """From far to near; each is there by chance, and so far off that it does not fill the view."""
    between = lambda low, high: float(np.exp(rng.uniform(np.log(low), np.log(high))))  # noqa: E731
    grid, layers = place.grid, [paint_ground(rng, place)]
    if rng.random() < 0.5:
        layers.append(paint_hills(rng, place, between(2500, 12000)))
    rows = int(rng.choice([0, 1, 2], p=[0.1, 0.55, 0.35]))
    layers += [paint_woods(rng, place, between(150, 1500)) for _ in range(rows)]
    if rng.random() < 0.35:
        layers.append(paint_houses(rng, place, max(between(70, 350), 26 / view)))
    if rng.random() < 0.3:
        layers += [paint_mast(rng, place, max(between(25, 150), 8 / view)) for _ in range(int(rng.integers(1, 4)))]
    if rng.random() < 0.1:
        layers.append(paint_wires(rng, place, max(between(30, 120), 6 / view)))
    if rng.random() < 0.35:
        shares = rng.permutation([rng.uniform(0, 0.25), rng.uniform(0.75, 1), rng.uniform(0, 1)])[: rng.integers(1, 3)]
        layers += [paint_tree(rng, place, grid.left + share * grid.width * grid.pitch, max(between(14, 70), 9 / view))
                   for share in shares]  # fmt: skip
    return layers
