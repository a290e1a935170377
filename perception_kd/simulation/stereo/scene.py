"""A scene as rays meet it."""

from dataclasses import dataclass

import numpy as np
import open3d as o3d

from perception_kd.simulation.stereo.materials import Palette
from perception_kd.simulation.stereo.meshes import Mesh

_THREADS = 1
"""Processes fill the machine."""


@dataclass(frozen=True)
class Light:
    """position (3,) float32 in m, of a lamp or far away for the sun; colour (3,) float32; radius in m softens shadows;
    ``fades``: with the square of the distance, being of full strength at ``reach`` m."""

    position: np.ndarray
    colour: np.ndarray
    radius: float
    fades: bool
    reach: float


@dataclass(frozen=True)
class Air:
    """What is not a surface: light from all around and what is seen where nothing stands.

    Args:
        above, below: (3,) colours of the light from above and below.
        sky: (S, S, 3) picture of the sky.
        haze: Share of the sky's colour at the depth of ``far`` (0 none).
        far: Depth of the sky in m.
    """

    above: np.ndarray
    below: np.ndarray
    sky: np.ndarray
    haze: float
    far: float


@dataclass(frozen=True)
class Surface:
    """Where N rays end: position, normal towards the viewer (N, 3), uv (N, 2) m, material (N,)."""

    position: np.ndarray
    normal: np.ndarray
    uv: np.ndarray
    material: np.ndarray


@dataclass(frozen=True)
class Hits:
    """Of N rays: t (N,) in lengths of the direction, inf where nothing was met; triangle (N,); barycentric (N, 2)."""

    t: np.ndarray
    triangle: np.ndarray
    barycentric: np.ndarray


class Scene:
    """Meshes, materials, lights and air in the frame of the left camera (x right, y down, z forward).

    Args:
        mesh: All of it.
        palette: What its material numbers mean.
        lights: The first one throws shadows.
        air: Sky and light from all around.
    """

    def __init__(self, mesh: Mesh, palette: Palette, lights: list[Light], air: Air) -> None:
        self.palette, self.lights, self.air = palette, lights, air
        self.mesh = mesh
        self._material = mesh.material
        corner = np.concatenate([mesh.normals, mesh.uv], 1)[mesh.faces].astype(np.float32)  # (F, 3, 5)
        self._base = corner[:, 0]
        self._edges = corner[:, 1:] - corner[:, :1]
        self._caster = o3d.t.geometry.RaycastingScene(nthreads=_THREADS)
        self._caster.add_triangles(o3d.core.Tensor(np.ascontiguousarray(mesh.points, np.float32)),
                                   o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)))  # fmt: skip

    def cast(self, origins: np.ndarray, directions: np.ndarray) -> Hits:
        """First hits of rays; origins (3,) or (N, 3), directions (N, 3) of any length."""
        found = self._caster.cast_rays(_rays(origins, directions), nthreads=_THREADS)
        return Hits(found['t_hit'].numpy(), found['primitive_ids'].numpy(), found['primitive_uvs'].numpy())

    def blocked(self, origins: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """(N,) whether something stands between ``origins`` and ``targets`` (N, 3)."""
        rays = _rays(origins, targets - origins)
        return self._caster.test_occlusions(rays, tnear=0.0, tfar=0.999, nthreads=_THREADS).numpy()

    def surface(self, origins: np.ndarray, directions: np.ndarray, hits: Hits, index: np.ndarray) -> Surface:
        """What the rays numbered ``index`` met."""
        triangle, ray = hits.triangle[index], directions[index]
        origin = origins if origins.ndim == 1 else origins[index]
        u, v = hits.barycentric[index].T
        edges = self._edges[triangle]
        both = self._base[triangle] + u[:, None] * edges[:, 0] + v[:, None] * edges[:, 1]
        normal = both[:, :3]
        turned = np.where(np.einsum('ij,ij->i', normal, ray) > 0, -1, 1).astype(np.float32)
        normal *= (turned / np.maximum(np.sqrt(np.einsum('ij,ij->i', normal, normal)), 1e-9))[:, None]
        return Surface(origin + hits.t[index][:, None] * ray, normal, both[:, 3:], self._material[triangle])


def _rays(origins: np.ndarray, directions: np.ndarray) -> o3d.core.Tensor:
    rays = np.empty((len(directions), 6), np.float32)
    rays[:, :3], rays[:, 3:] = origins, directions
    return o3d.core.Tensor(rays)
