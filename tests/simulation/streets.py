"""Small worlds made by hand, with little in them."""

import numpy as np

from perception_kd.simulation import scenery
from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.actors.catalogue import draw
from perception_kd.simulation.light import Light, daylight
from perception_kd.simulation.materials import CONCRETE
from perception_kd.simulation.mesh import Mesh, merge
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.primitives import box
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World

STRAIGHT = Road(0.0, -100, 150, 60)
EGO = Track(STRAIGHT, 0.0, -1.75)
"""Standing, front to +x."""


def street(
    actors: list[Actor], ego: Track = EGO, walls: tuple[Mesh, ...] = (), light: Light | None = None
) -> Snapshot:
    """Actors on bare ground, and walls; 0.7 s after the first key frame."""
    plan = Plan(ego.road, ego, 4.5, {}, frozenset({1}), (0.0, 1), False)
    light = light or daylight(np.random.default_rng(0))
    mesh = merge([scenery.ground(ego.road, {1}), *walls])
    return Snapshot(world=World(plan, actors, light, mesh), time=0.7)


def actor(name: str, track: Track, seed: int = 0, variant: str = '', in_traffic: bool = False) -> Actor:
    """One object."""
    return Actor('only', draw(name, np.random.default_rng(seed), variant=variant), track, in_traffic)


def lone_actor(name: str, track: Track, ego: Track = EGO, seed: int = 0) -> Snapshot:
    """A street with one object."""
    return street([actor(name, track, seed)], ego)


def void() -> Snapshot:
    """Nothing within any sensor's reach: a stone and a piece of road half a kilometre away."""
    plan = Plan(Road(0.0, 500, 510, 505), EGO, 4.5, {}, frozenset({1}), (0.0, 1), False)
    stone = box((1, 1, 1), (500, 0, 0), CONCRETE)
    return Snapshot(world=World(plan, [], daylight(np.random.default_rng(0)), stone), time=0.7)
