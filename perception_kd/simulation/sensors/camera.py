"""A pinhole camera: rays, light, shadows, sky, haze, lens and sensor noise."""

from functools import lru_cache

import cv2
import numpy as np

from perception_kd.simulation.light import Light
from perception_kd.simulation.patterns import smooth_noise
from perception_kd.simulation.poses import dot, rotate
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import paint

_EXPOSURE = 1.15
_NOISE_LEVEL = 1.6
_SHADOW_STEP = 2
"""Shadow rays are cast for every second pixel of every second row."""


def pixel_rays(mount: Mount) -> np.ndarray:
    """Unit directions (H * W, 3) in the camera frame through pixel centres (column + 0.5, row + 0.5)."""
    return _pixel_rays(mount.size, tuple(mount.intrinsic.ravel().tolist()))


@lru_cache(maxsize=16)
def _pixel_rays(size: tuple[int, int], intrinsic: tuple[float, ...]) -> np.ndarray:
    width, height = size
    fx, _, cx, _, fy, cy = intrinsic[:6]
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)], -1).reshape(-1, 3)
    return (rays / np.linalg.norm(rays, axis=1, keepdims=True)).astype(np.float32)


def look(snapshot: Snapshot, mount: Mount) -> tuple[np.ndarray, np.ndarray, Hits]:
    """Cast all pixels: camera centre (3,), directions (N, 3) in the world frame, and hits."""
    to_world = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego
    directions = rotate(pixel_rays(mount), to_world[:3, :3])
    return to_world[:3, 3], directions, snapshot.cast(to_world[:3, 3], directions)


def render(snapshot: Snapshot, mount: Mount, rng: np.random.Generator) -> np.ndarray:
    """The camera's image, (H, W, 3) uint8 in OpenCV's BGR order."""
    centre, directions, hits = look(snapshot, mount)
    light, (width, height) = snapshot.world.light, mount.size
    image = np.empty((width * height, 3), np.float32)
    above, index = np.flatnonzero(~hits.found), np.flatnonzero(hits.found)
    free = directions.take(above, 0)
    cover = _clouds(free, light)
    image[above] = sky(free, light) * (1 - cover) + cover * np.float32(0.95)
    seen, rays = hits.chosen(index), directions.take(index, 0)
    sunny = _sunlight(snapshot, centre, directions, hits, mount.size).take(index)
    colour = _shade(snapshot, seen, rays, sunny, 1 / mount.intrinsic[0, 0])
    haze = (1 - np.exp(seen.distance * np.float32(-1 / light.haze)))[:, None]
    image[index] = colour + haze * (light.horizon.astype(np.float32) - colour)
    return _develop(image.reshape(height, width, 3), rng)


def sky(directions: np.ndarray, light: Light) -> np.ndarray:
    """Colour (N, 3) of the sky: horizon to zenith, and a glow around the sun."""
    blend = np.sqrt(np.clip(directions[:, 2:3], 0, 1))
    colour = light.horizon.astype(np.float32) + blend * (light.zenith - light.horizon).astype(np.float32)
    eighth = _power_of_two(np.maximum(dot(directions, light.sun), 0), 3)
    glow = np.float32(0.35) * eighth + 2 * _power_of_two(eighth, 6)
    return colour + glow[:, None] * light.sun_colour.astype(np.float32)


def _clouds(directions: np.ndarray, light: Light) -> np.ndarray:
    """Cover (N, 1) of a cloud layer, thinning out towards the horizon."""
    up = np.maximum(directions[:, 2], 0.02)
    place = directions[:, :2] * (np.float32(9) / up)[:, None] + np.float32(light.drift)
    value = smooth_noise(place[:, 0], place[:, 1])
    return (np.clip(0.45 * value - 0.1, 0, 0.7) * np.clip((up - 0.05) * 7, 0, 1))[:, None]


def _power_of_two(value: np.ndarray, times: int) -> np.ndarray:
    """value ** (2 ** times) by squaring, which is much faster than ``**`` on many pixels."""
    for _ in range(times):
        value = value * value
    return value


def _sunlight(
    snapshot: Snapshot, centre: np.ndarray, directions: np.ndarray, hits: Hits, size: tuple[int, int]
) -> np.ndarray:
    """Share (N,) of the sun that reaches what each pixel sees; cast on a coarser grid, then smoothed."""
    width, height = size
    grid = np.arange(width * height).reshape(height, width)[::_SHADOW_STEP, ::_SHADOW_STEP]
    coarse = grid.ravel()
    coarse = coarse[hits.found[coarse]]
    coarse = coarse[dot(snapshot.normals[hits.triangle[coarse]], snapshot.world.light.sun) > 0]
    points = centre + directions[coarse] * hits.distance[coarse, None]
    points += 0.01 * snapshot.normals[hits.triangle[coarse]]
    sun = np.broadcast_to(snapshot.world.light.sun, points.shape)
    share = np.ones(width * height, np.float32)
    share[coarse] = ~snapshot.blocked(points, sun)
    small = np.ascontiguousarray(share.reshape(height, width)[::_SHADOW_STEP, ::_SHADOW_STEP])
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).ravel()


def _shade(
    snapshot: Snapshot, hits: Hits, rays: np.ndarray, sunny: np.ndarray, pixel_angle: float
) -> np.ndarray:
    """Colour (N, 3) of what is hit: Lambert's law under sun and sky, plus mirror images of the sky."""
    light, normal = snapshot.world.light, snapshot.normals.take(hits.triangle, 0)
    slant = np.maximum(-dot(rays, normal), np.float32(0.02))
    colour, _ = paint(snapshot, hits, hits.distance * np.float32(pixel_angle) / slant)
    table = _irradiance(snapshot.normals, light).take(hits.triangle, 0)
    colour *= table[:, :3] + (table[:, 3] * sunny)[:, None] * light.sun_colour.astype(np.float32)
    gloss = snapshot.surfaces.gloss.take(hits.triangle)
    index = np.flatnonzero(gloss)
    colour[index] += _mirror(
        normal.take(index, 0),
        rays.take(index, 0),
        slant.take(index),
        sunny.take(index),
        gloss.take(index),
        light,
    )
    return colour


def _irradiance(normals: np.ndarray, light: Light) -> np.ndarray:
    """For each triangle (T, 4): light from sky and ground, and the cosine towards the sun."""
    share = 0.5 + 0.5 * normals[:, 2:3]
    ambient = light.bounce * (1 - share) + light.sky * share
    return np.column_stack([ambient, np.maximum(dot(normals, light.sun), 0)]).astype(np.float32)


def _mirror(
    normal: np.ndarray,
    rays: np.ndarray,
    slant: np.ndarray,
    sunny: np.ndarray,
    gloss: np.ndarray,
    light: Light,
) -> np.ndarray:
    """Reflected surroundings by Schlick's approximation, with a highlight of the sun."""
    away = rays + 2 * slant[:, None] * normal
    up = away[:, 2:3]
    street = np.array([0.16, 0.155, 0.15], np.float32)
    seen = np.where(up > 0.12, sky(away, light), street)
    grazing = 1 - np.minimum(slant, 1)[:, None]
    strength = gloss[:, None] * (0.28 + 0.72 * grazing * _power_of_two(grazing, 2))
    glint = _power_of_two(np.maximum(dot(away, light.sun), 0), 6) * sunny
    return strength * (seen + 3 * glint[:, None] * light.sun_colour.astype(np.float32))


def _develop(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Linear RGB -> uint8 BGR: lens blur, film curve, square-root gamma, sensor noise."""
    image = cv2.GaussianBlur(image, (3, 3), 0.55)
    exposed = np.float32(_EXPOSURE) * image
    curve = np.sqrt(exposed * (1 + exposed / 9) / (1 + exposed * np.float32(0.45)))
    grain = _grain(rng, image.shape)
    return np.clip(255 * curve[..., ::-1] + grain, 0, 255).astype(np.uint8)


def _grain(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Sensor noise cut from a fixed strip at a random place: cheap, and good enough for the eye."""
    size = int(np.prod(shape))
    strip = _grain_strip(size)
    start = int(rng.integers(len(strip) - size))
    return strip[start : start + size].reshape(shape)


@lru_cache(maxsize=2)
def _grain_strip(size: int) -> np.ndarray:
    return np.random.default_rng(11).standard_normal(size + 65536, np.float32) * np.float32(_NOISE_LEVEL)
