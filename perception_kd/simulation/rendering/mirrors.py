"""Mirror images in paint, glass and wet ground, by second rays for every second pixel of every second row."""

from collections.abc import Iterator

import cv2
import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.patterns import noise, smooth_noise
from perception_kd.simulation.poses import dot
from perception_kd.simulation.rendering.lamps import highlights, mirrored, sources
from perception_kd.simulation.rendering.shading import View, radiance
from perception_kd.simulation.rendering.sky import power_of_two

_STEP = 2
_GROUND = (m.ROAD, m.SIDE_ROAD, m.SLABS, m.ROUGH)
_LOW = 0.2
"""Level surfaces of these textures below this height in m become mirrors when they are wet."""
_RIPPLE = 0.012
"""Slopes of the water film."""

Reflected = tuple[np.ndarray, np.ndarray]
"""Which pixels (M,), and the light (M, 3) that they mirror."""


def mirrors(view: View, size: tuple[int, int], sunny: np.ndarray) -> Iterator[Reflected]:
    """What paint and glass reflect, then what wet ground reflects.

    Args:
        view: The picture's own rays.
        size: Its width and height.
        sunny: (N,) share of the sun that reaches each pixel.
    """
    found = np.flatnonzero(view.hits.found)
    texture = view.snapshot.surfaces.texture.take(view.hits.triangle.take(found))
    gloss = view.snapshot.surfaces.gloss.take(view.hits.triangle.take(found))
    index = found[gloss > 0]
    if len(index):
        yield index, _gloss(view, size, index, gloss[gloss > 0], sunny)
    if view.snapshot.world.light.wetness:
        table = np.zeros(256, bool)
        table[list(_GROUND)] = True
        index = found[table.take(texture)]
        level = view.snapshot.normals[:, 2].take(view.hits.triangle.take(index)) > 0.99
        index = index[level & (view.points(index)[:, 2] < _LOW)]
        if len(index):
            yield index, _wet(view, size, index)


def _gloss(
    view: View, size: tuple[int, int], index: np.ndarray, gloss: np.ndarray, sunny: np.ndarray
) -> np.ndarray:
    """(M, 3) by Schlick's approximation, with highlights of sun and lamps."""
    snapshot, light = view.snapshot, view.snapshot.world.light
    rays, normals = view.rays.take(index, 0), snapshot.normals.take(view.hits.triangle.take(index), 0)
    slant = np.maximum(-dot(rays, normals), np.float32(0.02))
    away = rays + 2 * slant[:, None] * normals
    coarse = _on_grid(index, size)
    light_in = _second(view, size, index[coarse], away[coarse], 0.4).reshape(-1, 3).take(index, 0)
    if light.sun_colour.any():
        glint = power_of_two(np.maximum(dot(away, light.sun), 0), 6) * sunny.take(index)
        light_in += 3 * glint[:, None] * light.sun_colour.astype(np.float32)
    if sources(snapshot):
        light_in += highlights(snapshot, view.points(index), away)
    grazing = 1 - np.minimum(slant, 1)
    return (gloss * (0.28 + 0.72 * grazing * power_of_two(grazing, 2)))[:, None] * light_in


def _wet(view: View, size: tuple[int, int], index: np.ndarray) -> np.ndarray:
    """(M, 3) by Schlick's approximation for water, drawn out downwards by the roughness of the road."""
    light, points, rays = view.snapshot.world.light, view.points(index), view.rays.take(index, 0)
    coarse = _on_grid(index, size)
    where, away = points[coarse], rays[coarse] * np.array([1, 1, -1], np.float32)
    still = np.zeros(len(where), np.float32)
    away[:, 0] += _RIPPLE * noise(where[:, 0], where[:, 1], 0.05, still)
    away[:, 1] += _RIPPLE * noise(where[:, 1], where[:, 0], 0.05, still)
    away[:, 2] = np.maximum(away[:, 2], 0.003)
    light_in = _second(view, size, index[coarse], away, 0.003 * size[0]).reshape(-1, 3).take(index, 0)
    film = _film(points, light.wetness, light.drift)
    light_in *= ((0.02 + 0.98 * (1 - np.minimum(-rays[:, 2], 1)) ** 5) * film)[:, None]
    if sources(view.snapshot):
        light_in += mirrored(view.snapshot, points, rays) * film[:, None]
    return light_in


def _on_grid(index: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Which (K,) of the pixels lie on the coarse grid."""
    row, column = np.divmod(index, size[0])
    return np.flatnonzero((row % _STEP == 0) & (column % _STEP == 0))


def _second(
    view: View, size: tuple[int, int], pixels: np.ndarray, away: np.ndarray, drawn_out: float
) -> np.ndarray:
    """What rays ``away`` (K, 3) from where some pixels (K,) hit meet, smoothed into a picture (H, W, 3).

    ``drawn_out`` is the width of the smoothing downwards, in coarse pixels.
    """
    width, height = size
    normals = view.snapshot.normals.take(view.hits.triangle.take(pixels), 0)
    origins = view.points(pixels) + np.float32(0.01) * normals
    away = away / np.sqrt(dot(away, away))[:, None]
    second = View(view.snapshot, origins, away, view.snapshot.cast(origins, away), _STEP * view.angle)
    small = np.zeros((-(-height // _STEP), -(-width // _STEP), 4), np.float32)
    row, column = np.divmod(pixels, width)
    place = row // _STEP * small.shape[1] + column // _STEP
    small.reshape(-1, 4)[place, :3] = radiance(second, np.ones(len(pixels), np.float32))
    small.reshape(-1, 4)[place, 3] = 1
    small = cv2.GaussianBlur(small, (0, 0), 0.6, sigmaY=max(drawn_out, 0.6))
    small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
    return cv2.resize(np.ascontiguousarray(small[..., :3]), size, interpolation=cv2.INTER_LINEAR)


def _film(points: np.ndarray, wetness: float, drift: float) -> np.ndarray:
    """(N,) share of the ground that is covered by water: damp everywhere, puddles here and there."""
    where = points[:, :2] * np.float32(0.4) + np.float32(drift)
    puddles = smooth_noise(where[:, 0], where[:, 1])
    return np.clip(wetness * (0.55 + 0.4 * puddles), 0.15, 1).astype(np.float32)
