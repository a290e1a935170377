"""Triangle meshes that know what each triangle is made of."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

SURFACE_DTYPE = np.dtype([
    ('colour', '<f4', 3), ('reflectivity', '<f4'), ('radar', '<f4'), ('gloss', '<f4'),
    ('texture', 'u1'), ('seed', '<u4'), ('clear', '<f4'),
])  # fmt: skip
"""Per triangle: linear RGB 0..1, LiDAR reflectivity 0..1, radar strength 0..1, gloss 0..1, texture number, seed,
share of LiDAR light that goes through."""


@dataclass(frozen=True)
class Surface:
    """What light, LiDAR and radar meet.

    Args:
        colour: Linear RGB, 0..1.
        reflectivity: LiDAR return at normal incidence, 0..1 (1 is a retro-reflector).
        radar: Amplitude that radar waves return with, 0 (nothing) .. 1 (bare metal).
        gloss: Mirror share, 0 (matt) .. 1.
        texture: A number of ``textures.TEXTURES``; 0 is plain.
        seed: Varies a texture between buildings and the like.
        clear: Share of LiDAR light that goes through, 0 (opaque) .. 1.
    """

    colour: tuple[float, float, float]
    reflectivity: float = 0.3
    radar: float = 0.2
    gloss: float = 0.0
    texture: int = 0
    seed: int = 0
    clear: float = 0.0

    def rows(self, count: int) -> np.ndarray:
        """(count,) of ``SURFACE_DTYPE``, all equal."""
        row = np.zeros(1, SURFACE_DTYPE)
        row[0] = tuple(getattr(self, name) for name in SURFACE_DTYPE.names)
        return np.repeat(row, count)


class Surfaces:
    """A (T,) table of ``SURFACE_DTYPE`` as one contiguous array for each field, colour as (3, T), which gathers
    much faster."""

    def __init__(self, table: np.ndarray) -> None:
        self.colour, self.reflectivity, self.radar, self.gloss, self.texture, self.seed, self.clear = (
            np.ascontiguousarray(table[name].T) for name in SURFACE_DTYPE.names
        )


@dataclass
class Mesh:
    """vertices (V, 3) float32 m; triangles (T, 3) uint32, counter-clockwise seen from outside;
    uv (T, 3, 2) float32, metres along the surface; surface (T,) of ``SURFACE_DTYPE``."""

    vertices: np.ndarray
    triangles: np.ndarray
    uv: np.ndarray
    surface: np.ndarray

    def moved(self, rotation: np.ndarray, translation: np.ndarray) -> 'Mesh':
        """The mesh after p -> rotation (3, 3) p + translation (3); rotation may also scale."""
        vertices = self.vertices @ np.asarray(rotation, np.float32).T + np.asarray(translation, np.float32)
        return Mesh(vertices.astype(np.float32), self.triangles, self.uv, self.surface)


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of many; the order of triangles is kept."""
    meshes = list(meshes)
    offsets = np.cumsum([0] + [len(mesh.vertices) for mesh in meshes[:-1]]).astype(np.uint32)
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.triangles + offset for mesh, offset in zip(meshes, offsets)]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.surface for mesh in meshes]),
    )


def from_quads(corners: np.ndarray, uv: np.ndarray, surface: Surface) -> Mesh:
    """Quads (Q, 4, 3), counter-clockwise from outside, with uv (Q, 4, 2) -> two triangles each."""
    corners, uv = np.asarray(corners, np.float32), np.asarray(uv, np.float32)
    count = len(corners)
    base = 4 * np.arange(count)[:, None]
    triangles = np.stack([base + [0, 1, 2], base + [0, 2, 3]], 1).reshape(-1, 3).astype(np.uint32)
    uv = np.stack([uv[:, [0, 1, 2]], uv[:, [0, 2, 3]]], 1).reshape(-1, 3, 2)
    return Mesh(corners.reshape(-1, 3), triangles, uv, surface.rows(2 * count))


def normals(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Unit outward normals (T, 3) float32."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    normal = np.cross(b - a, c - a)
    return (normal / np.maximum(np.linalg.norm(normal, axis=1, keepdims=True), 1e-12)).astype(np.float32)


def areas(vertices: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Triangle areas (T,) in m2."""
    a, b, c = (vertices[triangles[:, i]] for i in range(3))
    return 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
