"""Mirror images in paint, glass and wet ground, by second rays for every second pixel of every second row."""

from collections.abc import Iterator

import cv2
import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.patterns import noise, smooth_noise
from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.lamps import highlights, mirrored, sources
from perception_kd.simulation.rendering.shading import radiance
from perception_kd.simulation.rendering.sky import power_of_two
from perception_kd.simulation.rendering.view import View, column

_STEP = 2
_GROUND = (m.ROAD, m.SIDE_ROAD, m.SLABS, m.ROUGH)
_LOW = 0.2
"""Level surfaces of these textures below this height in m become mirrors when they are wet."""
_RIPPLE = 0.012
"""Slopes of the water film."""

Reflected = tuple[np.ndarray, np.ndarray]
"""Which pixels (M,), and the light (3, M) that they mirror."""


def mirrors(view: View, sunny: np.ndarray) -> Iterator[Reflected]:
    """What paint and glass reflect, then what wet ground reflects.

    Args:
        view: The rays of a picture.
        sunny: (N,) share of the sun that reaches each pixel.
    """
    found = np.flatnonzero(view.hits.found)
    texture = view.snapshot.surfaces.texture.take(view.hits.triangle.take(found))
    gloss = view.snapshot.surfaces.gloss.take(view.hits.triangle.take(found))
    index = found[gloss > 0]
    if len(index):
        yield index, _gloss(view, index, gloss[gloss > 0], sunny)
    if view.snapshot.world.light.wetness:
        table = np.zeros(256, bool)
        table[list(_GROUND)] = True
        index = found[table.take(texture)]
        index = index[(view.normals(index)[2] > 0.99) & (view.points(index)[2] < _LOW)]
        if len(index):
            yield index, _wet(view, index)


def _gloss(view: View, index: np.ndarray, gloss: np.ndarray, sunny: np.ndarray) -> np.ndarray:
    """(3, M) by Schlick's approximation, with highlights of sun and lamps."""
    snapshot, light = view.snapshot, view.snapshot.world.light
    rays, normals = view.rays.take(index, 1), view.normals(index)
    slant = np.maximum(-inner(rays, normals), np.float32(0.02))
    away = rays + 2 * slant * normals
    coarse = _on_grid(index, view.size)
    light_in = _second(view, index[coarse], away.take(coarse, 1), 0.4).take(index, 1)
    if light.sun_colour.any():
        glint = power_of_two(np.maximum(inner(away, light.sun), 0), 6) * sunny.take(index)
        light_in += 3 * glint * column(light.sun_colour)
    if sources(snapshot):
        light_in += highlights(snapshot, view.points(index), away)
    grazing = 1 - np.minimum(slant, 1)
    return gloss * (0.28 + 0.72 * grazing * power_of_two(grazing, 2)) * light_in


def _wet(view: View, index: np.ndarray) -> np.ndarray:
    """(3, M) by Schlick's approximation for water, drawn out downwards by the roughness of the road."""
    light, points, rays = view.snapshot.world.light, view.points(index), view.rays.take(index, 1)
    coarse = _on_grid(index, view.size)
    (x, y, _), away = points.take(coarse, 1), rays.take(coarse, 1)
    still = np.zeros(len(coarse), np.float32)
    away[0] += _RIPPLE * noise(x, y, 0.05, still)
    away[1] += _RIPPLE * noise(y, x, 0.05, still)
    away[2] = np.maximum(-away[2], 0.003)
    light_in = _second(view, index[coarse], away, 0.003 * view.size[0]).take(index, 1)
    film = _film(points, light.wetness, light.drift)
    dry = 1 - np.minimum(-rays[2], 1)
    light_in *= (0.02 + 0.98 * dry * power_of_two(dry, 2)) * film
    if sources(view.snapshot):
        light_in += mirrored(view.snapshot, points, rays) * film
    return light_in


def _on_grid(index: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which (K,) of the pixels lie on the coarse grid."""
    row, across = np.divmod(index, size[0])
    return np.flatnonzero((row % _STEP == 0) & (across % _STEP == 0))


def _second(view: View, pixels: np.ndarray, away: np.ndarray, drawn_out: float) -> np.ndarray:
    """What rays ``away`` (3, K) from where some pixels (K,) hit meet, smoothed into a picture (3, H * W).

    ``drawn_out`` is the width of the smoothing downwards, in coarse pixels.
    """
    width, height = view.size
    origins = view.points(pixels) + np.float32(0.01) * view.normals(pixels)
    away = away / np.sqrt(inner(away, away))
    second = View(view.snapshot, origins, away, view.snapshot.cast(origins.T, away.T), _STEP * view.angle)
    small = np.zeros((-(-height // _STEP), -(-width // _STEP), 4), np.float32)
    row, across = np.divmod(pixels, width)
    place = row // _STEP * small.shape[1] + across // _STEP
    small.reshape(-1, 4)[place, :3] = radiance(second, np.ones(len(pixels), np.float32)).T
    small.reshape(-1, 4)[place, 3] = 1
    small = cv2.GaussianBlur(small, (0, 0), 0.6, sigmaY=max(drawn_out, 0.6))
    share = np.maximum(small[..., 3], np.float32(1e-3))
    planes = (np.ascontiguousarray(small[..., channel]) / share for channel in range(3))
    return np.stack([cv2.resize(plane, view.size, interpolation=cv2.INTER_LINEAR).ravel() for plane in planes])


def _film(points: np.ndarray, wetness: float, drift: float) -> np.ndarray:
    """(N,) share of the ground that is covered by water: damp everywhere, puddles here and there."""
    x, y, _ = points * np.float32(0.4) + np.float32(drift)
    return np.clip(wetness * (0.55 + 0.4 * smooth_noise(x, y)), 0.15, 1).astype(np.float32)
