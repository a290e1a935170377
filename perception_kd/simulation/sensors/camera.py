"""A pinhole camera: its rays, and the picture that they give."""

from functools import lru_cache

import numpy as np

from perception_kd.simulation.poses import turn
from perception_kd.simulation.rendering.casting import cast_picture
from perception_kd.simulation.rendering.mirrors import mirrors
from perception_kd.simulation.rendering.motion import blurred
from perception_kd.simulation.rendering.optics import camera_of, develop
from perception_kd.simulation.rendering.shading import radiance
from perception_kd.simulation.rendering.shadows import sunlight
from perception_kd.simulation.rendering.view import View
from perception_kd.simulation.rendering.weather import add_rain
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Hits, Snapshot


def pixel_rays(mount: Mount) -> np.ndarray:
    """Unit directions (H * W, 3) in the camera frame through pixel centres (column + 0.5, row + 0.5)."""
    return _pixel_rays(mount.size, tuple(mount.intrinsic.ravel().tolist())).T


@lru_cache(maxsize=16)
def _pixel_rays(size: tuple[int, int], intrinsic: tuple[float, ...]) -> np.ndarray:
    width, height = size
    fx, _, cx, _, fy, cy = intrinsic[:6]
    u, v = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    rays = np.stack([(u - cx) / fx, (v - cy) / fy, np.ones_like(u)]).reshape(3, -1)
    return (rays / np.linalg.norm(rays, axis=0)).astype(np.float32)


def look(snapshot: Snapshot, mount: Mount) -> tuple[np.ndarray, np.ndarray, Hits]:
    """Cast all pixels: camera centre (3,), directions (N, 3) in the world frame, and hits."""
    view = _see(snapshot, mount)
    return view.origins, view.rays.T, view.hits


def _see(snapshot: Snapshot, mount: Mount) -> View:
    to_world = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego
    local = pixel_rays(mount).T
    rays = turn(local, to_world[:3, :3])
    hits = cast_picture(snapshot, to_world[:3, 3], rays, local[2], mount.size)
    return View(snapshot, to_world[:3, 3], rays, hits, 1 / mount.intrinsic[0, 0])


def render(snapshot: Snapshot, mount: Mount, rng: np.random.Generator) -> np.ndarray:
    """The camera's image, (H, W, 3) uint8 in OpenCV's BGR order."""
    view, light, (width, height) = _see(snapshot, mount), snapshot.world.light, mount.size
    sunny = sunlight(view, mount.size)
    planes = radiance(view, sunny, mirrors(view, mount.size, sunny))
    image = np.ascontiguousarray(planes.T).reshape(height, width, 3)
    image = add_rain(blurred(image, view, mount), light, mount.channel, snapshot.time, rng)
    return develop(image, light, camera_of(mount.channel, light.drift), rng)
