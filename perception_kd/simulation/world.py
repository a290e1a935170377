"""One street with its actors, its light and the ego vehicle: everything that the sensors of a scene see."""

from dataclasses import dataclass, field

import numpy as np

from perception_kd.simulation import scenery
from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.light import Light, draw_light
from perception_kd.simulation.mesh import Mesh, Surfaces, merge
from perception_kd.simulation.population import draw_plan, populate
from perception_kd.simulation.poses import rigid, yaw_matrix
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.road import KERB, KERB_HEIGHT, SIDEWALK_END
from perception_kd.simulation.zones import Plan

SCENERY = -1
"""Owner of a triangle that belongs to no actor."""


@dataclass
class World:
    """A street in its own frame (x along the road at s = 0, z = 0 on the roadway).

    Args:
        plan: Road, ego track, lane speeds, lots, works.
        actors: What is annotated.
        light: Time of day and weather.
        scenery: Mesh of the rest.
        lamps: (M, 3) heads of the street lamps in m.
        owner: (T,) actor index of each triangle of all meshes in order, ``SCENERY`` first.
        everything, surfaces: All meshes as one, and what its triangles are made of.
    """

    plan: Plan
    actors: list[Actor]
    light: Light
    scenery: Mesh
    lamps: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    owner: np.ndarray = field(init=False)
    everything: Mesh = field(init=False)
    surfaces: Surfaces = field(init=False)

    def __post_init__(self) -> None:
        meshes = [self.scenery, *(actor.blueprint.mesh for actor in self.actors)]
        counts = [len(mesh.triangles) for mesh in meshes]
        self.owner = np.repeat(np.arange(SCENERY, len(self.actors)), counts).astype(np.int32)
        self.everything = merge(meshes)
        self.surfaces = Surfaces(self.everything.surface)

    def vertices(self, time: float) -> np.ndarray:
        """Vertices (V, 3) float32 of ``everything`` at ``time``."""
        return np.concatenate([self.scenery.vertices, *(actor.vertices(time) for actor in self.actors)])

    def ego_pose(self, time: float) -> np.ndarray:
        """(4, 4) ego frame (x forward, y left, origin under the rear axle) to world frame."""
        x, y, z, yaw = self.plan.ego.pose(time)
        return rigid(yaw_matrix(yaw), np.array([x, y, z]))

    def ego_velocity(self, time: float) -> tuple[np.ndarray, float]:
        """Velocity (3,) in m/s, world frame, and yaw rate in rad/s."""
        return self.plan.ego.velocity(time), self.plan.ego.yaw_rate(time)

    def description(self) -> str:
        """What is to be seen, in the manner of nuScenes' scene descriptions."""
        bend = self.plan.road.curvature
        shape = 'straight road' if bend == 0 else f'road bending {"left" if bend > 0 else "right"}'
        works = 'works in the right lane' if self.plan.lane_closed else 'works beside the road'
        ego = f'{len(self.actors)} objects, ego {self.plan.ego.speed:.1f} m/s'
        return f'{self.light.name}, {shape}, {works}, {ego}'


def build_world(preset: WorldPreset, seed: int, scene: int, attempt: int = 0) -> World:
    """The world of one scene; the same arguments give the same world.

    Raises:
        RuntimeError: this street has no room for all that the preset asks; the next attempt may.
    """
    rng = np.random.default_rng([seed, scene, 1, attempt])
    plan = draw_plan(preset, rng)
    tree_places, lamp_places, lamp_arms = _roadside(plan, rng)
    sign_places, sign_fronts = _sign_places(plan)
    obstacles = np.concatenate([tree_places, lamp_places, sign_places])
    actors = populate(plan, preset, obstacles, rng)
    meshes = [scenery.ground(plan.road, set(plan.lots)), scenery.houses(plan.road, set(plan.lots), rng),
              scenery.trees(tree_places, rng), scenery.lamps(lamp_places, lamp_arms),
              scenery.signs(sign_places, sign_fronts)]  # fmt: skip
    heads = scenery.lamp_heads(lamp_places, lamp_arms)
    light = draw_light(np.random.default_rng([seed, scene, 5]), scene)
    return World(plan, actors, light, merge(meshes), heads)


def _roadside(plan: Plan, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Places of trees (N, 3) and lamps (M, 3), and the way (M, 3) that lamp arms point."""
    road, trees, lamps, arms = plan.road, [], [], []
    for side in (-1, 1):
        for s in np.arange(road.start + 12, road.end - 12, 26.0):
            lamps.append(_place(plan, s + 3 * side, side * (KERB + 0.45)))
            heading = float(road.to_world(s, 0)[2])
            arms.append(-side * np.array([-np.sin(heading), np.cos(heading), 0]))
            for offset in (8.0, 17.0):
                if rng.random() < 0.75:
                    place = _place(plan, s + offset + rng.uniform(-1, 1), side * (KERB + 1.1))
                    trees.append(place)
            if side in plan.lots and rng.random() < 0.5:
                trees.append(_place(plan, s + rng.uniform(0, 20), side * rng.uniform(SIDEWALK_END + 4, 29)))
    return np.array(trees).reshape(-1, 3), np.array(lamps), np.array(arms)


def _sign_places(plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Signs at the crossing, each facing its traffic."""
    places, fronts = [], []
    for side in (-1, 1):
        s = plan.road.crossing + (-1.5 if side < 0 else 5.0)
        places.append(_place(plan, s, side * (KERB + 0.5)))
        heading = float(plan.road.to_world(s, 0)[2])
        fronts.append(side * np.array([np.cos(heading), np.sin(heading), 0]))
    return np.array(places), np.array(fronts)


def _place(plan: Plan, s: float, d: float) -> np.ndarray:
    x, y, _ = plan.road.to_world(s, d)
    return np.array([float(x), float(y), KERB_HEIGHT])
