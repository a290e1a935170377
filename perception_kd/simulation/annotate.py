"""Truth of a key frame: boxes, the points that fall into them, and how much the cameras see of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.actors.actor import SURFACE_SAMPLES
from perception_kd.simulation.poses import rotate, yaw_matrix
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Snapshot


@dataclass(frozen=True)
class Truth:
    """One annotated box, world frame.

    Args:
        actor: Index into the world's actors.
        centre: (3,) in m.
        size: (3,) length, width, height in m.
        yaw: In rad.
        distance: From the ego vehicle in the ground plane in m.
        lidar_points, radar_points: Returns inside the box in the key frame's files, unfiltered.
        visibility: nuScenes level 1..4 of the share that the cameras see.
    """

    actor: int
    centre: np.ndarray
    size: np.ndarray
    yaw: float
    distance: float
    lidar_points: int
    radar_points: int
    visibility: int


def annotate(
    snapshot: Snapshot, rig: Sequence[Mount], lidar: np.ndarray, radar: np.ndarray, radius: float
) -> list[Truth]:
    """Boxes within ``radius`` m of the ego vehicle.

    Args:
        snapshot: The key frame's instant.
        rig: All mounts; the cameras decide the visibility.
        lidar: (N, 3) returns of the key frame, world frame.
        radar: (M, 2) returns of all radars, world frame. They know no height and count in the ground plane.
        radius: In m.
    """
    ego = snapshot.world.ego_pose(snapshot.time)[:3, 3]
    shares = visible_shares(snapshot, rig)
    truths = []
    for index, actor in enumerate(snapshot.world.actors):
        centre, size, yaw = actor.box(snapshot.time)
        distance = float(np.hypot(*(centre - ego)[:2]))
        if distance <= radius:
            inside = _inside(lidar, centre, size, yaw), _inside(radar, centre[:2], size[:2], yaw)
            truths.append(Truth(index, centre, size, yaw, distance, *inside, visibility_level(shares[index])))
    return truths


def _inside(points: np.ndarray, centre: np.ndarray, size: np.ndarray, yaw: float) -> int:
    """How many points (N, 2 or 3) lie in the box; its faces count, as in the devkit."""
    axes = len(centre)
    reach = np.hypot(size[0], size[1])
    near = points[(np.abs(points[:, 0] - centre[0]) <= reach) & (np.abs(points[:, 1] - centre[1]) <= reach)]
    local = (near - centre) @ yaw_matrix(yaw)[:axes, :axes]
    return int((np.abs(local) <= size / 2).all(1).sum())


def visible_shares(snapshot: Snapshot, rig: Sequence[Mount]) -> np.ndarray:
    """Share 0..1 of each actor's surface points towards which some camera sees that actor first."""
    actors, ego = snapshot.world.actors, snapshot.world.ego_pose(snapshot.time)
    points = np.concatenate([actor.surface_points(snapshot.time) for actor in actors]).astype(float)
    owner = np.repeat(np.arange(len(actors)), SURFACE_SAMPLES)
    seen = np.zeros(len(points), bool)
    for mount in rig:
        if mount.modality == 'camera':
            to_world = ego @ mount.to_ego
            offset = points - to_world[:3, 3]
            pending = np.flatnonzero(_in_image(rotate(offset, to_world[:3, :3].T), mount) & ~seen)
            rays = offset[pending] / np.linalg.norm(offset[pending], axis=1, keepdims=True)
            seen[pending] = snapshot.owner(snapshot.cast(to_world[:3, 3], rays)) == owner[pending]
    return seen.reshape(len(actors), SURFACE_SAMPLES).mean(1)


def _in_image(points: np.ndarray, mount: Mount) -> np.ndarray:
    """Which camera-frame points (N, 3) fall into the image."""
    width, height = mount.size
    depth = points[:, 2]
    safe = np.maximum(depth, 0.1)
    u = mount.intrinsic[0, 0] * points[:, 0] / safe + mount.intrinsic[0, 2]
    v = mount.intrinsic[1, 1] * points[:, 1] / safe + mount.intrinsic[1, 2]
    return (depth > 0.1) & (u >= 0) & (u < width) & (v >= 0) & (v < height)


def visibility_level(share: float) -> int:
    """nuScenes visibility token: 1 up to 40 %, 2 up to 60 %, 3 up to 80 %, else 4."""
    return 1 + int(share > 0.4) + int(share > 0.6) + int(share > 0.8)
