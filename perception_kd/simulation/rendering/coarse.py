"""What takes a second ray, cast for every second pixel of every second row: shadows, mirror images in wet ground."""

import cv2
import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.patterns import noise, smooth_noise
from perception_kd.simulation.poses import dot
from perception_kd.simulation.rendering.lamps import mirrored, sources
from perception_kd.simulation.rendering.shading import View, radiance

_STEP = 2
_GROUND = (m.ROAD, m.SIDE_ROAD, m.SLABS, m.ROUGH)
_LOW = 0.2
"""Level surfaces of these textures below this height in m become mirrors when they are wet."""
_RIPPLE = 0.012
"""Slopes of the water film."""


def sunlight(view: View, size: tuple[int, int]) -> np.ndarray:
    """Share (N,) of the sun that reaches what each pixel sees."""
    width, height = size
    snapshot, share = view.snapshot, np.ones(width * height, np.float32)
    if not snapshot.world.light.sun_colour.any():
        return share
    chosen = _grid(size)
    chosen = chosen[view.hits.found[chosen]]
    normals = snapshot.normals.take(view.hits.triangle.take(chosen), 0)
    lit = dot(normals, snapshot.world.light.sun) > 0
    chosen = chosen[lit]
    points = view.points(chosen) + np.float32(0.01) * normals[lit]
    share[chosen] = ~snapshot.blocked(points, np.broadcast_to(snapshot.world.light.sun, points.shape))
    small = np.ascontiguousarray(share.reshape(height, width)[::_STEP, ::_STEP])
    return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR).ravel()


def wet_ground(view: View, size: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels (M,) show wet ground, and the light (M, 3) that it mirrors; empty when all is dry."""
    light = view.snapshot.world.light
    index = _mirrors(view, np.flatnonzero(view.hits.found)) if light.wetness else np.zeros(0, int)
    if not len(index):
        return index, np.zeros((0, 3), np.float32)
    points, rays = view.points(index), view.rays.take(index, 0)
    layer = _reflected(view, size).reshape(-1, 3).take(index, 0)
    film = _film(points, light.wetness, light.drift)
    fresnel = 0.02 + 0.98 * (1 - np.minimum(-rays[:, 2], 1)) ** 5
    colour = layer * (fresnel * film)[:, None]
    if sources(view.snapshot):
        colour += mirrored(view.snapshot, points, rays) * film[:, None]
    return index, colour


def _grid(size: tuple[int, int]) -> np.ndarray:
    width, height = size
    return np.arange(width * height).reshape(height, width)[::_STEP, ::_STEP].ravel()


def _mirrors(view: View, index: np.ndarray) -> np.ndarray:
    """Those of the pixels ``index`` that show ground which is a mirror when wet."""
    triangle = view.hits.triangle.take(index)
    table = np.zeros(256, bool)
    table[list(_GROUND)] = True
    snapshot = view.snapshot
    index = index[table.take(snapshot.surfaces.texture.take(triangle)) & (snapshot.normals[:, 2].take(triangle) > 0.99)]
    return index[view.points(index)[:, 2] < _LOW]


def _reflected(view: View, size: tuple[int, int]) -> np.ndarray:
    """Mirror images (H, W, 3), drawn out downwards by the roughness of the road."""
    width, height = size
    chosen = _mirrors(view, _grid(size)[view.hits.found[_grid(size)]])
    points, rays = view.points(chosen), view.rays.take(chosen, 0) * np.array([1, 1, -1], np.float32)
    still = np.zeros(len(points), np.float32)
    rays[:, 0] += _RIPPLE * noise(points[:, 0], points[:, 1], 0.05, still)
    rays[:, 1] += _RIPPLE * noise(points[:, 1], points[:, 0], 0.05, still)
    rays[:, 2] = np.maximum(rays[:, 2], 0.003)
    rays /= np.sqrt(dot(rays, rays))[:, None]
    points[:, 2] += 0.01
    second = View(view.snapshot, points, rays, view.snapshot.cast(points, rays), _STEP * view.angle)
    layer = np.zeros((height, width, 4), np.float32)
    layer.reshape(-1, 4)[chosen, :3] = radiance(second, np.ones(len(points), np.float32))
    layer.reshape(-1, 4)[chosen, 3] = 1
    spread = 0.006 * width
    small = cv2.GaussianBlur(np.ascontiguousarray(layer[::_STEP, ::_STEP]), (0, 0), 0.7, sigmaY=spread / _STEP)
    small[..., :3] /= np.maximum(small[..., 3:], 1e-3)
    return cv2.resize(np.ascontiguousarray(small[..., :3]), size, interpolation=cv2.INTER_LINEAR)


def _film(points: np.ndarray, wetness: float, drift: float) -> np.ndarray:
    """(N,) share of the ground that is covered by water: damp everywhere, puddles here and there."""
    where = points[:, :2] * np.float32(0.4) + np.float32(drift)
    puddles = smooth_noise(where[:, 0], where[:, 1])
    return np.clip(wetness * (0.55 + 0.4 * puddles), 0.15, 1).astype(np.float32)
