"""Colour of what rays hit: sun, sky, lamps, haze."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.poses import dot
from perception_kd.simulation.rendering.contact import openness
from perception_kd.simulation.rendering.glow import emission
from perception_kd.simulation.rendering.lamps import illuminate, sources
from perception_kd.simulation.rendering.sky import cloudy_sky
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import paint

_GROUND = 0.2
"""Level surfaces below this height in m are ground."""
_SOAKED = {m.ROAD: 0.55, m.SIDE_ROAD: 0.55, m.SLABS: 0.6, m.ROUGH: 0.72, m.GRASS: 0.8, m.FACADE: 0.85}
"""How much darker a surface is when it is wet, by texture number."""


@dataclass(frozen=True)
class View:
    """Rays and what they hit.

    Args:
        snapshot: The world.
        origins: (3,) or (N, 3) where the rays start.
        rays: (N, 3) unit directions.
        hits: (N,) all of them.
        angle: Of a pixel in rad.
    """

    snapshot: Snapshot
    origins: np.ndarray
    rays: np.ndarray
    hits: Hits
    angle: float

    def points(self, index: np.ndarray) -> np.ndarray:
        """(M, 3) float32 places that some of the rays hit."""
        start = self.origins if self.origins.ndim == 1 else self.origins.take(index, 0)
        reached = self.rays.take(index, 0) * self.hits.distance.take(index)[:, None]
        return reached + start.astype(np.float32)


def radiance(
    view: View, sunny: np.ndarray, mirrors: Iterable[tuple[np.ndarray, np.ndarray]] = ()
) -> np.ndarray:
    """Colour (N, 3) float32 along every ray.

    Args:
        view: Rays and hits.
        sunny: (N,) share of the sun that reaches what they hit.
        mirrors: Which rays (M,) meet mirrors, and the light (M, 3) that these add.
    """
    light = view.snapshot.world.light
    image = np.empty((len(view.rays), 3), np.float32)
    above, index = np.flatnonzero(~view.hits.found), np.flatnonzero(view.hits.found)
    image[above] = cloudy_sky(view.rays.take(above, 0), light)
    image[index] = _shade(view, index, sunny.take(index))
    for where, mirrored in mirrors:
        image[where] += mirrored
    haze = (1 - np.exp(view.hits.distance.take(index) * np.float32(-1 / light.haze)))[:, None]
    image[index] += haze * (light.horizon.astype(np.float32) - image.take(index, 0))
    return image


@dataclass(frozen=True)
class _Surface:
    """What is seen at (N,) hits: places, normals, ray directions, cosine of the view, and which are ground."""

    points: np.ndarray
    normals: np.ndarray
    rays: np.ndarray
    slant: np.ndarray
    ground: np.ndarray


def _shade(view: View, index: np.ndarray, sunny: np.ndarray) -> np.ndarray:
    """Colour (N, 3) of the hits ``index``: Lambert's law, and what shines by itself."""
    snapshot, light, hits = view.snapshot, view.snapshot.world.light, view.hits.chosen(index)
    seen = _surface(view, index, hits)
    footprint = hits.distance * np.float32(view.angle) / seen.slant
    colour, _ = paint(snapshot, hits, footprint)
    if light.wetness:
        colour *= _soaked(light.wetness).take(snapshot.surfaces.texture.take(hits.triangle))[:, None]
    table = _irradiance(snapshot).take(hits.triangle, 0)
    received = table[:, :3]
    if sources(snapshot):
        received = received + illuminate(snapshot, seen.points, seen.normals)
    received[seen.ground] *= openness(snapshot, seen.points.take(seen.ground, 0))[:, None]
    if light.sun_colour.any():
        received = received + (table[:, 3] * sunny)[:, None] * light.sun_colour.astype(np.float32)
    colour *= received
    shining = emission(snapshot, hits, seen.rays, footprint)
    if shining is not None:
        colour += shining
    return colour


def _surface(view: View, index: np.ndarray, hits: Hits) -> _Surface:
    snapshot = view.snapshot
    normals, rays, points = snapshot.normals.take(hits.triangle, 0), view.rays.take(index, 0), view.points(index)
    return _Surface(
        points=points,
        normals=normals,
        rays=rays,
        slant=np.maximum(-dot(rays, normals), np.float32(0.02)),
        ground=np.flatnonzero((points[:, 2] < _GROUND) & (normals[:, 2] > 0.9)),
    )


@lru_cache(maxsize=16)
def _irradiance(snapshot: Snapshot) -> np.ndarray:
    """For each triangle (T, 4): light from sky and ground, and the cosine towards the sun."""
    normals, light = snapshot.normals, snapshot.world.light
    share = 0.5 + 0.5 * normals[:, 2:3]
    ambient = light.bounce * (1 - share) + light.sky * share
    return np.column_stack([ambient, np.maximum(dot(normals, light.sun), 0)]).astype(np.float32)


def _soaked(wetness: float) -> np.ndarray:
    """(256,) colour factor by texture number."""
    factor = np.ones(256, np.float32)
    for texture, share in _SOAKED.items():
        factor[texture] = 1 - wetness * (1 - share)
    return factor
