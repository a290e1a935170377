"""Street lamps, headlights and tail lights as point sources: what they throw on surfaces, dry and wet.

Intensities are in units of irradiance times m2; one unit is about 20 lux, see ``light``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.poses import inner
from perception_kd.simulation.rendering.sky import power_of_two
from perception_kd.simulation.rendering.view import column
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World

COLOURS = {'lamp': (1.0, 0.70, 0.40), 'head': (1.0, 0.95, 0.86), 'tail': (1.0, 0.06, 0.03)}
_INTENSITY = {'lamp': 44.0, 'head': 500.0, 'tail': 1.2}
_REACH = {'lamp': 30.0, 'head': 45.0, 'tail': 6.0}
"""Where a source fades out for good, in m."""
_SEEN = {'lamp': 130.0, 'head': 80.0, 'tail': 30.0}
"""Distance from the ego vehicle in m beyond which nobody misses what a source throws."""
BRAKES = 2.5
"""How much brighter brake lights are than tail lights."""
_MOTOR = ('car', 'truck', 'bus', 'motorcycle', 'construction_vehicle')
_EGO_FRONT = np.array([3.75, 0.0, 0.66])
_ROUGHNESS = 0.012
"""Square of the width of slopes on a wet road (Beckmann's m2)."""
_BLOCK = 16384
"""Points at a time, so that all of it stays in the processor's cache."""


@dataclass(frozen=True)
class Source:
    """A point that shines.

    Args:
        kind: ``lamp``, ``head`` or ``tail``; it has the colour of its kind.
        place: (3,) in m.
        heading: (3,) unit vector of the beam.
        intensity: At its brightest.
        apart: Two lamps, which only a mirror shows as two, are this far to either side, in m.
    """

    kind: str
    place: np.ndarray
    heading: np.ndarray
    intensity: float
    apart: float = 0.0


def drives(actor: Actor) -> bool:
    """Whether a vehicle is in use, so that its lights are on by night."""
    return actor.blueprint.name in (*_MOTOR, 'trailer') and (actor.in_traffic or actor.track.moves)


def brakes(actor: Actor, time: float) -> bool:
    """Whether it waits in traffic with its foot on the brake."""
    return drives(actor) and float(np.hypot(*actor.track.velocity(time)[:2])) < 0.3


@lru_cache(maxsize=2)
def sources(snapshot: Snapshot) -> tuple[Source, ...]:
    """All sources that are lit: none by day."""
    world = snapshot.world
    if not world.light.lamps_on:
        return ()
    down, level = np.array([0.0, 0.0, -1.0]), world.light.lamps
    found = [Source('lamp', place, down, level * _INTENSITY['lamp']) for place in world.lamps]
    found.append(_ego_headlights(world, snapshot.time, level))
    ego = world.ego_pose(snapshot.time)[:3, 3]
    for actor in filter(drives, world.actors):
        found += _vehicle_lights(actor, snapshot.time, level)
    return tuple(source for source in found if np.linalg.norm(source.place - ego) < _SEEN[source.kind])


def _ego_headlights(world: World, time: float, level: float) -> Source:
    pose = world.ego_pose(time)
    return Source('head', pose[:3, :3] @ _EGO_FRONT + pose[:3, 3], pose[:3, 0], level * _INTENSITY['head'], 0.65)


def _vehicle_lights(actor: Actor, time: float, level: float) -> list[Source]:
    """One source in front for both headlights, one behind for both tail lights."""
    centre, (length, width, height), yaw = actor.box(time)
    ahead = np.array([np.cos(yaw), np.sin(yaw), 0.0])
    middle = centre + [0.0, 0.0, 0.75 - height / 2]
    reach = (length / 2 + 0.15) * ahead
    tail = level * _INTENSITY['tail'] * (BRAKES if brakes(actor, time) else 1.0)
    apart = 0.34 * width if actor.blueprint.name != 'motorcycle' else 0.0
    lights = [Source('tail', middle - reach, -ahead, tail, apart)]
    if actor.blueprint.name in _MOTOR:
        lights.append(Source('head', middle + reach, ahead, level * _INTENSITY['head'], apart))
    return lights


def beam(source: Source, towards: np.ndarray) -> np.ndarray:
    """Share (N,) of the intensity that leaves along unit vectors ``towards`` (3, N).

    Street lamps shine down in a wide cone. Dipped headlights are brightest just below the horizontal, cut off
    above it, and fade to both sides. Tail lights fill the half space behind.
    """
    if source.kind == 'lamp':
        return np.clip(np.float32(-2.2) * towards[2], 0, 1)
    x, y = source.heading[:2].astype(np.float32)
    along = x * towards[0] + y * towards[1]
    if source.kind == 'tail':
        return np.maximum(along, 0)
    side, up = y * towards[0] - x * towards[1], towards[2] + np.float32(0.012)
    wide = 1 / (1 + (side * np.float32(1 / 0.32)) ** 2) ** 2
    tall = np.maximum(1 / (1 + np.maximum(up * np.float32(1 / 0.03), up * np.float32(-1 / 0.09))) ** 2, 0.012)
    return (along > 0) * wide * tall


def illuminate(snapshot: Snapshot, points: np.ndarray, normals: np.ndarray) -> np.ndarray:
    """Irradiance (3, N) float32 of all sources on ``points`` with ``normals`` (3, N): Lambert's cosine over the
    square of the distance. Nothing casts a shadow but what stands on the ground, see ``contact``."""

    def lambert(source: Source, way: np.ndarray, normal: np.ndarray) -> np.ndarray:
        return np.maximum(inner(way, normal), 0) * beam(source, -way)

    return _gather(sources(snapshot), points, normals, lambert)


def mirrored(snapshot: Snapshot, points: np.ndarray, rays: np.ndarray) -> np.ndarray:
    """Radiance (3, N) of the sources' mirror images in level wet ground, drawn out by its roughness.

    Cook and Torrance's model with Beckmann's slopes and Schlick's Fresnel term, times pi, since a radiance of 1
    is that of a white wall under an irradiance of 1.
    """

    def glint(source: Source, way: np.ndarray, ray: np.ndarray) -> np.ndarray:
        half = way - ray
        steep = inner(half, half) / np.maximum(half[2] ** 2, np.float32(1e-3)) - 1
        slopes = np.exp(steep * np.float32(-1 / _ROUGHNESS)) * np.float32(1 / _ROUGHNESS)
        down = np.maximum(-ray[2], np.float32(0.03))
        return slopes * (0.02 + 0.98 * (1 - down) ** 5) / (4 * down) * _scattered(source, -way)

    single = [lamp for source in sources(snapshot) for lamp in _lamps(source)]
    return _gather(single, points, rays, glint)


def _lamps(source: Source) -> list[Source]:
    """The single lamps of a source, as a mirror shows them."""
    if not source.apart:
        return [source]
    side = source.apart * np.array([-source.heading[1], source.heading[0], 0.0])
    return [replace(source, place=source.place + way * side, intensity=source.intensity / 2) for way in (-1, 1)]


def highlights(snapshot: Snapshot, points: np.ndarray, away: np.ndarray) -> np.ndarray:
    """(3, M) blurred mirror images of street lamps along mirrored rays ``away`` (3, M) from paint and glass."""

    def lobe(source: Source, way: np.ndarray, ray: np.ndarray) -> np.ndarray:
        return 40 * power_of_two(np.maximum(inner(way, ray), 0), 7)

    return _gather([source for source in sources(snapshot) if source.kind == 'lamp'], points, away, lobe)


def _scattered(source: Source, towards: np.ndarray) -> np.ndarray:
    """As ``beam``, but for headlights the light beside the beam, which is what a mirror image shows."""
    if source.kind != 'head':
        return beam(source, towards)
    x, y = source.heading[:2].astype(np.float32)
    return np.float32(0.03) * np.maximum(x * towards[0] + y * towards[1], 0) ** 2


def _gather(
    found: Sequence[Source],
    points: np.ndarray,
    vectors: np.ndarray,
    share: Callable[[Source, np.ndarray, np.ndarray], np.ndarray],
) -> np.ndarray:
    """Sum (3, N) over all ``found`` sources of ``share(source, unit vectors (3, M) to it, vectors (3, M))`` times
    their intensity over the square of the distance, block by block."""
    gathered = np.zeros_like(points)
    if not found:
        return gathered
    places, headings = (np.array([getattr(source, name) for source in found]) for name in ('place', 'heading'))
    reaches = np.array([_REACH[source.kind] for source in found])
    for start in range(0, points.shape[1], _BLOCK):
        block = slice(start, start + _BLOCK)
        where, other = points[:, block], vectors[:, block]
        low, high = where.min(1), where.max(1)
        sums = {kind: np.zeros(where.shape[1], np.float32) for kind in {source.kind for source in found}}
        for number in np.flatnonzero(_concerned(places, headings, reaches, low, high)):
            _add(sums[found[number].kind], found[number], where, other, share)
        gathered[:, block] = sum(column(COLOURS[kind]) * value for kind, value in sorted(sums.items()))
    return gathered


def _add(
    total: np.ndarray,
    source: Source,
    where: np.ndarray,
    other: np.ndarray,
    share: Callable[[Source, np.ndarray, np.ndarray], np.ndarray],
) -> None:
    """Add what one source gives; close to its reach it fades to nothing."""
    scale = np.float32(1 / _REACH[source.kind] ** 2)
    way = column(source.place) - where
    square = np.maximum(inner(way, way), np.float32(0.25)) * scale
    near = np.flatnonzero(square < 1)
    if len(near):
        square, way = square.take(near), way.take(near, 1)
        way *= np.sqrt(scale / square)
        fall = np.float32(source.intensity) * scale * (1 / square - square)
        total[near] += share(source, way, other.take(near, 1)) * fall


def _concerned(
    places: np.ndarray, headings: np.ndarray, reaches: np.ndarray, low: np.ndarray, high: np.ndarray
) -> np.ndarray:
    """(S,) which sources may light anything between two corners of a box."""
    gap = np.maximum(np.maximum(low - places, places - high), 0)
    ahead = np.where(headings > 0, high, low) - places
    return ((gap**2).sum(1) < reaches**2) & ((ahead * headings).sum(1) > 0)
