"""Colour of what rays hit: sun, sky, lamps, haze."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.contact import openness
from perception_kd.simulation.rendering.glow import emission
from perception_kd.simulation.rendering.lamps import illuminate, sources
from perception_kd.simulation.rendering.sky import cloudy_sky
from perception_kd.simulation.rendering.view import View, column
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.textures import paint

_BLOCK = 1 << 15
"""Pixels at a time, so that all that is computed for them stays in the processor's cache."""
_GROUND = 0.2
"""Level surfaces below this height in m are ground."""
_SOAKED = {m.ROAD: 0.55, m.SIDE_ROAD: 0.55, m.SLABS: 0.6, m.ROUGH: 0.72, m.GRASS: 0.8, m.FACADE: 0.85}
"""How much darker a surface is when it is wet, by texture number."""


def radiance(
    view: View, sunny: np.ndarray, mirrors: Iterable[tuple[np.ndarray, np.ndarray]] = ()
) -> np.ndarray:
    """Colour (3, N) float32 along every ray.

    Args:
        view: Rays and hits.
        sunny: (N,) share of the sun that reaches what they hit.
        mirrors: Which rays (M,) meet mirrors, and the light (3, M) that these add.
    """
    light, found = view.snapshot.world.light, view.hits.found
    image = np.empty_like(view.rays)
    above, index = np.flatnonzero(~found), np.flatnonzero(found)
    image[:, above] = cloudy_sky(view.rays.take(above, 1), light)
    for start in range(0, len(index), _BLOCK):
        few = index[start : start + _BLOCK]
        image[:, few] = _shade(view, few, sunny.take(few))
    for where, mirrored in mirrors:
        image[:, where] += mirrored
    haze = 1 - np.exp(np.where(found, view.hits.distance, 0) * np.float32(-1 / light.haze))
    for plane, colour in zip(image, light.horizon.astype(np.float32)):
        plane += haze * (colour - plane)
    return image


def _shade(view: View, index: np.ndarray, sunny: np.ndarray) -> np.ndarray:
    """Colour (3, M) of the hits ``index``: Lambert's law, and what shines by itself."""
    snapshot, light, hits = view.snapshot, view.snapshot.world.light, view.hits.chosen(index)
    rays, points, normals = view.rays.take(index, 1), view.points(index), view.normals(index)
    footprint = hits.distance * np.float32(view.angle) / np.maximum(-inner(rays, normals), np.float32(0.02))
    colour, _ = paint(snapshot, hits, footprint)
    if light.wetness:
        colour *= _soaked(light.wetness).take(snapshot.surfaces.texture.take(hits.triangle))
    table = _irradiance(snapshot).take(hits.triangle, 1)
    received = table[:3]
    if sources(snapshot):
        received += illuminate(snapshot, points, normals)
    ground = np.flatnonzero((points[2] < _GROUND) & (normals[2] > 0.9))
    received[:, ground] *= openness(snapshot, points.take(ground, 1))
    if light.sun_colour.any():
        received += table[3] * sunny * column(light.sun_colour)
    colour *= received
    shining = emission(snapshot, hits, rays, footprint)
    return colour if shining is None else colour + shining


@lru_cache(maxsize=2)
def _irradiance(snapshot: Snapshot) -> np.ndarray:
    """For each triangle (4, T): light from sky and ground, and the cosine towards the sun."""
    normals, light = snapshot.normal_planes, snapshot.world.light
    share = 0.5 + 0.5 * normals[2]
    ambient = column(light.bounce) * (1 - share) + column(light.sky) * share
    return np.concatenate([ambient, np.maximum(inner(normals, light.sun), 0)[None]])


def _soaked(wetness: float) -> np.ndarray:
    """(256,) colour factor by texture number."""
    factor = np.ones(256, np.float32)
    for texture, share in _SOAKED.items():
        factor[texture] = 1 - wetness * (1 - share)
    return factor
