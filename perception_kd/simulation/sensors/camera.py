"""A pinhole camera: rays, light, shadows, sky, haze, lens and sensor noise."""

from functools import lru_cache

import cv2
import numpy as np

from perception_kd.simulation.light import Light
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.textures import paint

_EXPOSURE = 0.78
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
    directions = pixel_rays(mount) @ to_world[:3, :3].T.astype(np.float32)
    return to_world[:3, 3], directions, snapshot.cast(to_world[:3, 3], directions)


def render(snapshot: Snapshot, mount: Mount, rng: np.random.Generator) -> np.ndarray:
    """The camera's image, (H, W, 3) uint8 in OpenCV's BGR order."""
    centre, directions, hits = look(snapshot, mount)
    light, (width, height) = snapshot.world.light, mount.size
    image = sky(directions, light)
    index = np.flatnonzero(hits.found)
    seen, rays = hits.chosen(index), directions[index]
    sunny = _sunlight(snapshot, centre, directions, hits, mount.size)[index]
    colour = _shade(snapshot, seen, rays, sunny, 1 / mount.intrinsic[0, 0])
    haze = (1 - np.exp(-seen.distance / light.haze))[:, None]
    image[index] = colour + haze * (light.horizon.astype(np.float32) - colour)
    return _develop(image.reshape(height, width, 3), rng)


def sky(directions: np.ndarray, light: Light) -> np.ndarray:
    """Colour (N, 3) of the sky: horizon to zenith, thin clouds, a glow around the sun."""
    up = np.clip(directions[:, 2:3], 0, 1)
    blend = np.sqrt(up)
    colour = light.horizon + blend * (light.zenith - light.horizon)
    towards = np.clip(directions @ light.sun.astype(np.float32), 0, 1)[:, None]
    colour = colour + (0.35 * towards**8 + 2.0 * towards**400) * light.sun_colour
    return colour.astype(np.float32)


def _sunlight(snapshot: Snapshot, centre: np.ndarray, directions: np.ndarray, hits: Hits,
              size: tuple[int, int]) -> np.ndarray:
    """Share (N,) of the sun that reaches what each pixel sees; cast on a coarser grid, then smoothed."""
    width, height = size
    grid = np.arange(width * height).reshape(height, width)[::_SHADOW_STEP, ::_SHADOW_STEP]
    coarse = grid.ravel()
    coarse = coarse[hits.found[coarse]]
    facing = snapshot.normals[hits.triangle[coarse]] @ snapshot.world.light.sun.astype(np.float32) > 0
    coarse = coarse[facing]
    points = centre + directions[coarse] * hits.distance[coarse, None]
    points += 0.01 * snapshot.normals[hits.triangle[coarse]]
    sun = np.broadcast_to(snapshot.world.light.sun, points.shape)
    share = np.ones(width * height, np.float32)
    share[coarse] = ~snapshot.blocked(points, sun)
    small = np.ascontiguousarray(share.reshape(height, width)[::_SHADOW_STEP, ::_SHADOW_STEP])
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR).ravel()


def _shade(snapshot: Snapshot, hits: Hits, rays: np.ndarray, sunny: np.ndarray, pixel_angle: float) -> np.ndarray:
    """Colour (N, 3) of what is hit: Lambert's law under sun and sky, plus mirror images of the sky."""
    light, surface = snapshot.world.light, snapshot.surface[hits.triangle]
    normal = snapshot.normals[hits.triangle]
    slant = np.maximum(-np.einsum('ij,ij->i', normal, rays), 0.02)
    footprint = hits.distance * np.float32(pixel_angle) / slant
    colour, _ = paint(snapshot.uv(hits), footprint, surface, snapshot.world.plan.road)
    ambient, lambert = _irradiance(snapshot.normals, light)
    colour *= ambient[hits.triangle] + (lambert[hits.triangle] * sunny)[:, None] * light.sun_colour.astype(np.float32)
    glossy = np.flatnonzero(surface['gloss'] > 0)
    if len(glossy):
        colour[glossy] += _mirror(normal[glossy], rays[glossy], slant[glossy], sunny[glossy],
                                  surface['gloss'][glossy], light)
    return colour


def _irradiance(normals: np.ndarray, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """For each triangle: light from sky and ground (T, 3), and the cosine towards the sun (T,)."""
    share = (0.5 + 0.5 * normals[:, 2:3]).astype(np.float32)
    ambient = light.bounce.astype(np.float32) * (1 - share) + light.sky.astype(np.float32) * share
    return ambient, np.maximum(normals @ light.sun.astype(np.float32), 0)


def _mirror(normal: np.ndarray, rays: np.ndarray, slant: np.ndarray, sunny: np.ndarray, gloss: np.ndarray,
            light: Light) -> np.ndarray:
    """Reflected surroundings by Schlick's approximation, with a highlight of the sun."""
    away = rays + 2 * slant[:, None] * normal
    up = away[:, 2:3]
    street = np.array([0.16, 0.155, 0.15], np.float32)
    seen = np.where(up > 0.12, sky(away, light), street)
    strength = gloss[:, None] * (0.28 + 0.72 * (1 - np.clip(slant, 0, 1)[:, None]) ** 5)
    glint = np.clip(away @ light.sun.astype(np.float32), 0, 1) ** 80 * sunny
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
