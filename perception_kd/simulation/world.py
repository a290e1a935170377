"""One street with its actors, its light and the ego vehicle: everything that the sensors of a scene see."""

from dataclasses import dataclass, field

import numpy as np

from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.description import describe
from perception_kd.simulation.houses import houses
from perception_kd.simulation.light import Light, draw_light
from perception_kd.simulation.mesh import Mesh, Surfaces, merge
from perception_kd.simulation.plan import Plan, draw_plan
from perception_kd.simulation.population import populate
from perception_kd.simulation.poses import rigid, yaw_matrix
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.roadside import furnish
from perception_kd.simulation.scenery import ground

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
        uv_planes: (6, T) u, v of the first corner, then the ways to the second and third.
    """

    plan: Plan
    actors: list[Actor]
    light: Light
    scenery: Mesh
    lamps: np.ndarray = field(default_factory=lambda: np.zeros((0, 3)))
    owner: np.ndarray = field(init=False)
    everything: Mesh = field(init=False)
    surfaces: Surfaces = field(init=False)
    uv_planes: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        meshes = [self.scenery, *(actor.blueprint.mesh for actor in self.actors)]
        counts = [len(mesh.triangles) for mesh in meshes]
        self.owner = np.repeat(np.arange(SCENERY, len(self.actors)), counts).astype(np.int32)
        self.everything = merge(meshes)
        self.surfaces = Surfaces(self.everything.surface)
        first, second, third = self.everything.uv.transpose(1, 2, 0)
        self.uv_planes = np.ascontiguousarray(np.concatenate([first, second - first, third - first]))

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
        return describe(self.light.name, self.plan, self.actors)


def build_world(preset: WorldPreset, seed: int, scene: int, attempt: int = 0) -> World:
    """The world of one scene; the same arguments give the same world.

    Raises:
        RuntimeError: this street has no room for all that the preset asks; the next attempt may.
    """
    rng = np.random.default_rng([seed, scene, 1, attempt])
    plan = draw_plan(preset, rng)
    beside = furnish(plan, rng)
    actors = populate(plan, preset, beside.obstacles, rng)
    meshes = [ground(plan.road, set(plan.lots)), houses(plan.road, set(plan.lots), rng), *beside.meshes]
    light = draw_light(np.random.default_rng([seed, scene, 5]), scene)
    return World(plan, actors, light, merge(meshes), beside.lamps)
