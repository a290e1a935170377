"""The world frozen at one instant, ready to be hit by rays. The only module that imports Open3D."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import open3d as o3d

from perception_kd.simulation.mesh import Surfaces, normals
from perception_kd.simulation.world import SCENERY, World

MISS = -1


@dataclass(frozen=True)
class Hits:
    """Where rays end: distance (N,) in m (inf for none), triangle (N,) (``MISS`` for none), and the
    barycentric coordinates (N, 2) of the triangle's second and third corner."""

    distance: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray

    @property
    def found(self) -> np.ndarray:
        """(N,) bool."""
        return self.triangle != MISS

    def chosen(self, index: np.ndarray) -> 'Hits':
        """The hits of some rays."""
        return Hits(self.distance.take(index), self.triangle.take(index), self.barycentric.take(index, 0))


class Snapshot:
    """All sensors of an instant share one; single-threaded, so that results never depend on the machine.

    Args:
        world: What there is.
        time: Seconds after the first key frame.
    """

    def __init__(self, *, world: World, time: float) -> None:
        self.world, self.time = world, time
        mesh = world.everything
        vertices = world.vertices(time)
        self.normals = normals(vertices, mesh.triangles)
        self.normal_planes = np.ascontiguousarray(self.normals.T)
        self._scene = o3d.t.geometry.RaycastingScene(nthreads=1)
        self._scene.add_triangles(o3d.core.Tensor(vertices), o3d.core.Tensor(mesh.triangles))

    @property
    def surfaces(self) -> Surfaces:
        """What each triangle is made of."""
        return self.world.surfaces

    @cached_property
    def velocities(self) -> np.ndarray:
        """(A + 1, 3) in m/s, world frame: of the scenery, then of each actor."""
        return np.array([[0.0, 0, 0], *(actor.track.velocity(self.time) for actor in self.world.actors)])

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays from ``origins`` (3,) or (N, 3) along unit ``directions`` (N, 3)."""
        answer = self._scene.cast_rays(_rays(origins, directions), nthreads=1)
        distance = answer['t_hit'].numpy()
        triangle = answer['primitive_ids'].numpy().astype(np.intp)
        triangle[~np.isfinite(distance)] = MISS
        return Hits(distance, triangle, answer['primitive_uvs'].numpy())

    def blocked(self, origins: np.ndarray, directions: np.ndarray) -> np.ndarray:
        """(N,) bool: anything on the way to infinity."""
        rays = _rays(origins, directions)
        return self._scene.test_occlusions(rays, tnear=0.02, nthreads=1).numpy()

    def uv(self, hits: Hits) -> np.ndarray:
        """Surface coordinates (N, 2) in m; all hits must be ``found``."""
        return self.uv_planes(hits).T

    def uv_planes(self, hits: Hits) -> np.ndarray:
        """As ``uv``, (2, N)."""
        u0, v0, u1, v1, u2, v2 = self.world.uv_planes.take(hits.triangle, 1)
        a, b = np.ascontiguousarray(hits.barycentric.T)
        return np.stack([u0 + a * u1 + b * u2, v0 + a * v1 + b * v2])

    def owner(self, hits: Hits) -> np.ndarray:
        """(N,) index of the actor that was hit, ``SCENERY`` for others and for none."""
        owner = self.world.owner.take(hits.triangle, mode='wrap')
        owner[~hits.found] = SCENERY
        return owner


def _rays(origins: np.ndarray, directions: np.ndarray) -> o3d.core.Tensor:
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return o3d.core.Tensor(rays)
