"""A pinhole camera: its rays, and the picture that they give."""

from collections.abc import Iterator
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

_BANDS = 8
"""With a rolling shutter, things that move stand still for this part of a picture."""


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


def render(
    snapshot: Snapshot, mount: Mount, rng: np.random.Generator, rolling_shutter: float = 0.0
) -> np.ndarray:
    """The camera's image, (H, W, 3) uint8 in OpenCV's BGR order.

    Args:
        snapshot: The world when the middle row is exposed.
        mount: The camera.
        rng: Draws noise and rain.
        rolling_shutter: Seconds from the first row to the last. Each row sees the ego vehicle where it is then;
            the other things move from band to band.
    """
    if rolling_shutter:
        views = [_see_rows(band, mount, rows, times) for band, rows, times in _bands(snapshot, mount, rolling_shutter)]
    else:
        views = [_see(snapshot, mount)]
    image = np.concatenate([_picture(view, mount) for view in views])
    light = snapshot.world.light
    image = add_rain(image, light, mount.channel, snapshot.time, rng)
    return develop(image, light, camera_of(mount.channel, light.drift), rng)


def _picture(view: View, mount: Mount) -> np.ndarray:
    """Linear RGB (H, W, 3)."""
    sunny, (width, height) = sunlight(view), view.size
    planes = radiance(view, sunny, mirrors(view, sunny))
    return blurred(np.ascontiguousarray(planes.T).reshape(height, width, 3), view, mount)


def _see(snapshot: Snapshot, mount: Mount) -> View:
    to_world, local = snapshot.world.ego_pose(snapshot.time) @ mount.to_ego, pixel_rays(mount).T
    rays = turn(local, to_world[:3, :3])
    hits = cast_picture(snapshot, to_world[:3, 3], rays, local[2], mount.size)
    return View(snapshot, to_world[:3, 3], rays, hits, 1 / mount.intrinsic[0, 0], mount.size)


def _bands(
    snapshot: Snapshot, mount: Mount, rolling_shutter: float
) -> Iterator[tuple[Snapshot, slice, np.ndarray]]:
    """The world, the rows and their times (K,) in s, band by band."""
    height = mount.size[1]
    times = snapshot.time + rolling_shutter * ((np.arange(height) + 0.5) / height - 0.5)
    for rows in np.array_split(np.arange(height), _BANDS):
        band = Snapshot(world=snapshot.world, time=float(times[rows].mean()))
        yield band, slice(rows[0], rows[-1] + 1), times[rows]


def _see_rows(snapshot: Snapshot, mount: Mount, rows: slice, times: np.ndarray) -> View:
    """Some rows of the picture, each from where the camera is at its time."""
    width, height = mount.size
    local = pixel_rays(mount).T.reshape(3, height, width)[:, rows]
    poses = np.stack([snapshot.world.ego_pose(time) @ mount.to_ego for time in times])
    turns = poses[:, :3, :3].astype(np.float32).transpose(1, 2, 0)[..., None]
    rays = np.stack([(row * local).sum(0).ravel() for row in turns])
    origins = np.repeat(poses[:, :3, 3].T, width, axis=1)
    hits = snapshot.cast(origins.T, rays.T)
    return View(snapshot, origins, rays, hits, 1 / mount.intrinsic[0, 0], (width, len(times)))
