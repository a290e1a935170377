"""Triangles with smooth normals and surface coordinates, from grids of points, and the bodies made of them.

Axes as a camera has them: x right, y down, z forward, in metres.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Mesh:
    """points, normals (V, 3) float32; uv (V, 2) metres along the surface; faces (F, 3) vertex numbers;
    material (F,) numbers."""

    points: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray
    material: np.ndarray

    def moved(self, rotation: np.ndarray, translation: Sequence[float] = (0, 0, 0)) -> 'Mesh':
        """The mesh after p -> rotation (3, 3) p + translation (3)."""
        turn = np.asarray(rotation, np.float32).T
        return replace(self, points=self.points @ turn + np.asarray(translation, np.float32),
                       normals=self.normals @ turn)

    def shifted(self, x: float, y: float, z: float) -> 'Mesh':
        """The mesh moved by metres."""
        return replace(self, points=self.points + np.array([x, y, z], np.float32))


def merge(meshes: Iterable[Mesh]) -> Mesh:
    """One mesh of many."""
    meshes = list(meshes)
    offsets = np.cumsum([0] + [len(mesh.points) for mesh in meshes[:-1]])
    return Mesh(*(np.concatenate([getattr(mesh, name) for mesh in meshes]) for name in ('points', 'normals', 'uv')),
                np.concatenate([mesh.faces + offset for mesh, offset in zip(meshes, offsets)]),
                np.concatenate([mesh.material for mesh in meshes]))  # fmt: skip


def patch(points: np.ndarray, material: int, uv: np.ndarray | None = None) -> Mesh:
    """A smooth surface through a grid of points (R, C, 3); uv (R, C, 2), by default the lengths of its first row and
    column."""
    points = np.asarray(points, np.float32)
    rows, columns = points.shape[:2]
    if uv is None:
        uv = np.stack(np.meshgrid(_lengths(points[rows // 2]), _lengths(points[:, columns // 2])), -1)
    normals = np.cross(np.gradient(points, axis=1), np.gradient(points, axis=0))
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(length > 1e-12, normals, normals.mean((0, 1)))  # the middle of a disc
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    number = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = number[:-1, :-1], number[:-1, 1:], number[1:, 1:], number[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)])
    return Mesh(points.reshape(-1, 3), normals.reshape(-1, 3), np.asarray(uv, np.float32).reshape(-1, 2), faces,
                np.full(len(faces), material, np.int32))  # fmt: skip


def _lengths(line: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])


def quads(corners: np.ndarray, material: int | np.ndarray) -> Mesh:
    """Flat quads (Q, 4, 3), each with its own surface coordinates; one material or one for each (Q,)."""
    corners = np.asarray(corners, np.float32)
    count = len(corners)
    along, up = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    normals = np.cross(along, up)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    uv = np.zeros((count, 4, 2), np.float32)
    uv[:, [1, 2], 0] = np.linalg.norm(along, axis=1)[:, None]
    uv[:, [2, 3], 1] = np.linalg.norm(up, axis=1)[:, None]
    uv += (corners.sum((1, 2)) * 7.3)[:, None, None]  # equal quads show other parts of the texture
    base = 4 * np.arange(count)[:, None]
    faces = np.concatenate([base + [0, 1, 2], base + [0, 2, 3]])
    each = np.broadcast_to(np.asarray(material, np.int32), count)
    return Mesh(corners.reshape(-1, 3), np.repeat(normals, 4, 0), uv.reshape(-1, 2), faces,
                np.concatenate([each, each]))  # fmt: skip


def box(size: Sequence[float], material: int | Sequence[int]) -> Mesh:
    """A box around the origin; one material, or six: left, right, top, bottom, front, back."""
    x, y, z = (side / 2 for side in size)
    corners = [
        [(-x, -y, z), (-x, -y, -z), (-x, y, -z), (-x, y, z)], [(x, -y, -z), (x, -y, z), (x, y, z), (x, y, -z)],
        [(-x, -y, z), (x, -y, z), (x, -y, -z), (-x, -y, -z)], [(-x, y, -z), (x, y, -z), (x, y, z), (-x, y, z)],
        [(-x, -y, -z), (x, -y, -z), (x, y, -z), (-x, y, -z)], [(x, -y, z), (-x, -y, z), (-x, y, z), (x, y, z)],
    ]  # fmt: skip
    return quads(corners, np.broadcast_to(np.asarray(material, np.int32), 6))


def ellipsoid(radii: Sequence[float], material: int, rings: int = 16, power: float = 1.0) -> Mesh:
    """An ellipsoid around the origin, or (``power`` below 1) a superellipsoid with rounded edges (Barr 1981)."""
    polar, angle = np.linspace(1e-3, np.pi - 1e-3, rings + 1), np.linspace(0, 2 * np.pi, 2 * rings + 1)
    wave = lambda value: np.sign(value) * np.abs(value) ** power  # noqa: E731
    ring = wave(np.sin(polar))[:, None]
    points = np.stack([ring * wave(np.cos(angle)), wave(-np.cos(polar))[:, None] + 0 * angle,
                       ring * wave(np.sin(angle))], -1)  # fmt: skip
    return patch(points * radii, material, _angles(polar, angle, float(np.mean(radii))))


def _angles(polar: np.ndarray, angle: np.ndarray, radius: float) -> np.ndarray:
    return np.stack(np.meshgrid(angle * radius, polar * radius), -1)


def revolved(radius: np.ndarray, height: np.ndarray, material: int, segments: int = 24) -> Mesh:
    """A vase: the profile (K,) radius at (K,) height above the origin (up is -y), turned around the vertical."""
    angle = np.linspace(0, 2 * np.pi, segments + 1)
    circle = np.stack([np.cos(angle), 0 * angle, np.sin(angle)], -1)
    points = radius[:, None, None] * circle - height[:, None, None] * np.array([0, 1, 0])
    along = np.stack([radius, height], -1)
    return patch(points, material, _angles(_lengths(along), angle, float(np.max(radius))))


def cylinder(radius: float, height: float, material: int, segments: int = 20) -> Mesh:
    """A closed upright cylinder standing on the origin."""
    profile = np.array([(0, 0), (1, 0), (1, 0), (1, 1), (1, 1), (0, 1)], float)
    profile *= (radius, height)
    return merge(revolved(*profile[i:i + 2].T, material, segments) for i in (0, 2, 4))


def tube(line: np.ndarray, radius: float | np.ndarray, material: int, segments: int = 6) -> Mesh:
    """A round bar along the points (K, 3); one radius, or one for each point."""
    line = np.asarray(line, float)
    along = np.gradient(line, axis=0)
    along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-12)
    fixed = np.eye(3)[np.argmin(np.abs(along).max(0))]
    side = np.cross(along, fixed)
    side /= np.maximum(np.linalg.norm(side, axis=1, keepdims=True), 1e-12)
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, segments + 1)[None, :, None]
    ring = np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None]
    radius = np.broadcast_to(radius, len(line))[:, None, None]
    return patch(line[:, None] + radius * ring, material)


def torus(radius: float, thickness: float, material: int) -> Mesh:
    """A ring around the z axis."""
    angle = np.linspace(0, 2 * np.pi, 33)
    line = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], -1)
    around = np.linspace(0, 2 * np.pi, 11)
    outward = line / radius
    ring = np.cos(around)[:, None] * outward[:, None] + np.sin(around)[:, None] * [0, 0, 1]
    return patch(line[:, None] + thickness * ring, material)


def rotation(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """(3, 3) of turning by ``roll`` around z, then ``pitch`` around x, then ``yaw`` around y (radians)."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw, pitch, roll))
    return (np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]) @ np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
            @ np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]]))  # fmt: skip


def random_rotation(rng: np.random.Generator) -> np.ndarray:
    """A rotation (3, 3) with no preferred direction, from a normalised quaternion."""
    w, x, y, z = (q := rng.standard_normal(4)) / np.linalg.norm(q)
    return np.array([[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                     [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                     [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]])  # fmt: skip
