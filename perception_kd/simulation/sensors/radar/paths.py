"""The ways that radar waves take: straight, over a mirror, and to and fro near a vehicle."""

from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.patterns import smooth_noise
from perception_kd.simulation.poses import dot, rotate
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.sensors.radar.echoes import BOUNCE, DIRECT, MIRROR, Echoes, join
from perception_kd.simulation.sensors.rig import Mount
from perception_kd.simulation.snapshot import Hits, Snapshot
from perception_kd.simulation.world import SCENERY

HALF_FIELD = np.deg2rad(60.0)
_AZIMUTHS, _ROWS, _LOWEST, _ROW_STEP = 361, 8, np.deg2rad(-6.0), np.deg2rad(2.0)
_BEAM_HEIGHT = np.deg2rad(7.0)
_LOBE, _LOBE_GAIN, _DIFFUSE = np.deg2rad(8.0), 500.0, 25.0
_GRAIN, _GRAIN_CONTRAST = 0.7, 7.5
"""Size in m and standard deviation in dB of the bright and dim places of a surface."""
_MIRROR_LENGTH = 5.0
"""Vehicles at least this long are mirrors to a radar; walls and rails always are."""
_MIRROR_SHARE = 0.5


@dataclass
class View:
    """What a radar looks at.

    Args:
        snapshot, preset: The world, and how far the radar sees.
        origin: (3,) radar in the world frame in m.
        rotation: (3, 3) radar frame to world frame.
        own: (3,) velocity of the radar in m/s, world frame.
        rays: (N, 3) unit directions in the radar frame.
        directions: (N, 3) the same in the world frame.
        hits: What each ray meets first.
    """

    snapshot: Snapshot
    preset: WorldPreset
    origin: np.ndarray
    rotation: np.ndarray
    own: np.ndarray
    rays: np.ndarray
    directions: np.ndarray
    hits: Hits

    def heading(self, azimuth: np.ndarray) -> np.ndarray:
        """Level unit vectors (N, 3) in the world frame at azimuths (N,) of the radar frame."""
        level = np.stack([np.cos(azimuth), np.sin(azimuth), np.zeros(len(azimuth))], 1)
        return rotate(level, self.rotation)


def look(snapshot: Snapshot, mount: Mount, preset: WorldPreset, rng: np.random.Generator) -> View:
    """Cast the radar's rays."""
    world, time = snapshot.world, snapshot.time
    pose = world.ego_pose(time)
    to_world = pose @ mount.to_ego
    ego, yaw_rate = world.ego_velocity(time)
    arm = to_world[:3, 3] - pose[:3, 3]
    own = ego + yaw_rate * np.array([-arm[1], arm[0], 0])
    rays = _beams(rng)
    directions = rotate(rays, to_world[:3, :3]).astype(np.float32)
    hits = snapshot.cast(to_world[:3, 3], directions)
    return View(snapshot, preset, to_world[:3, 3], to_world[:3, :3], own, rays, directions, hits)


def _beams(rng: np.random.Generator) -> np.ndarray:
    """Unit directions (N, 3) in the radar frame; the grid shifts a little from sweep to sweep."""
    azimuth = HALF_FIELD * (2 * (np.arange(_AZIMUTHS) + rng.random()) / _AZIMUTHS - 1)
    elevation = _LOWEST + _ROW_STEP * (np.arange(_ROWS) + rng.random() - 0.5)
    azimuth, elevation = np.meshgrid(azimuth, elevation, indexing='ij')
    rays = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    return np.stack(rays, -1).reshape(-1, 3)


def direct(view: View) -> Echoes:
    """An echo for each ray that meets something."""
    strength = _strength(view, view.hits)
    usable = (strength > 0) & (view.hits.distance < view.preset.radar_range) & (view.hits.distance > 0.5)
    index = np.flatnonzero(usable)
    hits, rays = view.hits.chosen(index), view.rays[index]
    slant = np.abs(dot(view.snapshot.normals[hits.triangle], view.directions[index]))
    owner = view.snapshot.owner(hits)
    power = _cross_section(strength[index], slant, hits.distance, rays[:, 2])
    power *= _grain(view, hits, owner)
    azimuth = np.arctan2(rays[:, 1], rays[:, 0])
    heading = view.heading(azimuth)
    velocity = view.snapshot.velocities[owner - SCENERY]
    along = dot(heading, velocity)
    across = np.linalg.norm(velocity - along[:, None] * heading, axis=1)
    return Echoes(
        range=hits.distance * np.linalg.norm(rays[:, :2], axis=1), azimuth=azimuth,
        elevation=np.arcsin(rays[:, 2]), power=power, owner=owner, cause=np.full(len(index), DIRECT),
        rate=along - dot(heading, view.own), along=along, across=across, shared=np.zeros(len(index), bool),
    )  # fmt: skip


def _strength(view: View, hits: Hits) -> np.ndarray:
    return np.where(hits.found, view.snapshot.surfaces.radar[hits.triangle], 0)


def _cross_section(
    strength: np.ndarray, slant: np.ndarray, distance: np.ndarray, sine: np.ndarray
) -> np.ndarray:
    """Cross-section (N,) in m2 of the patch that a ray stands for.

    Its area across the ray times the power that it throws back (``strength`` is an amplitude): a diffuse part,
    and a narrow lobe where the surface faces the radar. ``sine`` is that of the ray's elevation.
    """
    area = (distance * 2 * HALF_FIELD / _AZIMUTHS) * (distance * _ROW_STEP)
    # 2 (1 - cos x) = x^2 for small angles x of incidence.
    lobe = _LOBE_GAIN * np.exp(-2 * (1 - np.minimum(slant, 1)) / _LOBE**2)
    return strength**2 * area * (_DIFFUSE * slant + lobe) * np.exp(-((sine / _BEAM_HEIGHT) ** 2))


def _grain(view: View, hits: Hits, owner: np.ndarray) -> np.ndarray:
    """Factor (N,): to a radar a wall, a hedge or a lorry is a few bright corners and much that is dim. These
    belong to places of the surface, so that they stay while the radar moves on."""
    uv = view.snapshot.uv(hits) / _GRAIN
    return 10 ** (0.1 * _GRAIN_CONTRAST * smooth_noise(uv[:, 0] + 17.0 * owner, uv[:, 1] + 5.0 * owner))


def mirrored(view: View) -> Echoes:
    """Images of actors behind walls, rails and the sides of large vehicles.

    The wave goes radar - mirror - actor and back the same way; it seems to come from straight behind the
    mirror, and the path lengthens by the velocities along its two legs.
    """
    first = _mirrors(view)
    legs, way = view.hits.chosen(first), view.directions[first]
    normal = view.snapshot.normals[legs.triangle]
    away = way - 2 * dot(way, normal)[:, None] * normal
    corner = view.origin + way * legs.distance[:, None] + 0.02 * away
    hits = view.snapshot.cast(corner, away)
    mirror, owner = view.snapshot.owner(legs), view.snapshot.owner(hits)
    total = np.where(hits.found, legs.distance + hits.distance, np.inf)
    kept = np.flatnonzero((owner != SCENERY) & (owner != mirror) & (total < view.preset.radar_range))
    hits, way, away, owner, total = hits.chosen(kept), way[kept], away[kept], owner[kept], total[kept]
    rays, legs, mirror = view.rays[first[kept]], legs.chosen(kept), mirror[kept]
    slant = np.abs(dot(view.snapshot.normals[hits.triangle], away))
    loss = (_MIRROR_SHARE * _strength(view, legs)) ** 2
    velocity, moving_mirror = view.snapshot.velocities[owner - SCENERY], view.snapshot.velocities[mirror - SCENERY]
    along = dot(velocity, away) + dot(moving_mirror, way - away)
    azimuth, count = np.arctan2(rays[:, 1], rays[:, 0]), len(kept)
    return Echoes(
        range=total * np.linalg.norm(rays[:, :2], axis=1), azimuth=azimuth, elevation=np.arcsin(rays[:, 2]),
        power=loss * _cross_section(_strength(view, hits), slant, total, rays[:, 2]), owner=owner,
        cause=np.full(count, MIRROR), rate=along - dot(view.heading(azimuth), view.own), along=along,
        across=np.zeros(count), shared=np.zeros(count, bool),
    )  # fmt: skip


def _mirrors(view: View) -> np.ndarray:
    """Level rays (their indices) that meet a flat upright surface which throws back enough."""
    world = view.snapshot.world
    flat = np.array([True, *(actor.blueprint.size[0] > _MIRROR_LENGTH for actor in world.actors)])
    level = np.abs(view.rays[:, 2]) < 1.01 * np.sin(_ROW_STEP)
    near = view.hits.distance < view.preset.radar_range
    index = np.flatnonzero(level & near & (_strength(view, view.hits) >= 0.3))
    hits = view.hits.chosen(index)
    upright = np.abs(view.snapshot.normals[hits.triangle, 2]) < 0.15
    return index[upright & flat[view.snapshot.owner(hits) - SCENERY]]


def bounced(view: View, found: Echoes, rng: np.random.Generator) -> Echoes:
    """Now and then: a strong near vehicle once more at twice its range and speed (vehicle - own car - vehicle),
    and once more a little behind itself (below its body)."""
    strong = np.flatnonzero((found.owner != SCENERY) & (found.rcs > 4) & (found.range > 2))
    twice = found.chosen(strong[(rng.random(len(strong)) < 0.12) & (found.range[strong] < 25)])
    below = found.chosen(strong[rng.random(len(strong)) < 0.06])
    own = dot(view.heading(twice.azimuth), view.own)
    twice.range, twice.rate, twice.power = 2 * twice.range, 2 * twice.rate, 0.06 * twice.power
    twice.along = twice.rate + own
    below.range, below.power = below.range + rng.uniform(0.9, 3.0, len(below.range)), 0.12 * below.power
    echoes = join([twice, below])
    echoes.cause = np.full(len(echoes.range), BOUNCE)
    return echoes
