"""Houses, barns and blocks of flats, ray-cast."""

import numpy as np
import open3d as o3d

from perception_kd.simulation.stereo.meshes import Mesh, box, merge, quads
from perception_kd.simulation.uav.panorama import Layer
from perception_kd.simulation.uav.scenery.land import Place, rows_between
from perception_kd.simulation.uav.weather import srgb

_WALLS = ((196, 186, 168), (148, 92, 76), (206, 204, 198), (116, 64, 54), (168, 172, 176), (186, 160, 118),
          (96, 100, 106))  # fmt: skip
_ROOFS = ((98, 66, 56), (70, 70, 74), (54, 50, 48), (122, 78, 60))
_FINE = 2
_WALL, _ROOF, _PLAIN = range(3)


def paint_houses(rng: np.random.Generator, place: Place, distance: float) -> Layer | None:
    """One to six buildings side by side about ``distance`` m away."""
    grid = place.grid
    azimuth = grid.left + rng.uniform(0, grid.width * grid.pitch)
    count = int(rng.integers(1, 7))
    sizes = rng.uniform((8, 4, 8), (22, 7, 14), (count, 3)) if rng.random() < 0.65 else \
        rng.uniform((14, 8, 12), (34, 26, 24), (count, 3))  # fmt: skip
    gaps = rng.uniform(1, 14, count)
    x = np.cumsum(sizes[:, 0] + gaps) - sizes[:, 0] / 2
    x += azimuth * distance - x.mean()
    rows = rows_between(grid, np.arctan2(1.5 * sizes[:, 1].max() - place.height, distance * 0.9),
                        -np.arctan2(place.height, distance))  # fmt: skip
    edges = np.arctan2([x[0] - sizes[0, 0], x[-1] + sizes[-1, 0]], distance * 0.9)
    left, right = (int(np.clip((edge - grid.left) / grid.pitch, 0, grid.width)) for edge in edges)
    if rows.stop - rows.start < 4 or right - left < 4:
        return None
    mesh = merge([_house(rng, size).shifted(across, place.height, distance + rng.uniform(0, 0.1) * distance)
                  for size, across in zip(sizes, x)])  # fmt: skip
    colour, alpha = _cast(rng, place, mesh, rows, slice(left, right))
    return place.layer(distance, colour, alpha, rows.start, left)


def _house(rng: np.random.Generator, size: np.ndarray) -> Mesh:
    """A house that stands on the origin, its wide side to the camera."""
    wide, high, deep = size
    walls = box((wide, high, deep), _WALL).shifted(0, -high / 2, 0)
    if high > 9 or rng.random() < 0.25:  # a flat roof with a rim and things on it
        rim = box((wide * 1.01, 0.5, deep * 1.01), _PLAIN).shifted(0, -high, 0)
        boxes = [box((3, 2, 3), _PLAIN).shifted(rng.uniform(-0.35, 0.35) * wide, -high - 1, 0) for _ in range(2)]
        return merge([walls, rim, *boxes])
    ridge = -high - rng.uniform(0.25, 0.5) * deep
    a, d = wide / 2 + 0.4, deep / 2 + 0.4
    slopes = np.array([[(-a, -high, -d), (a, -high, -d), (a, ridge, 0), (-a, ridge, 0)],
                       [(-a, -high, d), (-a, ridge, 0), (a, ridge, 0), (a, -high, d)],
                       [(-a, -high, -d), (-a, ridge, 0), (-a, ridge, 0), (-a, -high, d)],
                       [(a, -high, -d), (a, -high, d), (a, ridge, 0), (a, ridge, 0)]])  # fmt: skip
    chimney = box((0.8, 2.2, 0.8), _PLAIN).shifted(0.2 * wide, ridge, 0.1 * deep)
    return merge([walls, quads(slopes, [_ROOF, _ROOF, _PLAIN, _PLAIN]), chimney])


def _cast(rng: np.random.Generator, place: Place, mesh: Mesh, rows: slice,
          columns: slice) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Colour (h, w, 3) and cover (h, w) of a part of the panorama, from ``_FINE`` squared rays a cell."""
    part = place.grid.part(rows, columns)
    finer = type(part)(part.left - part.pitch / 4, part.top + part.pitch / 4, part.pitch / _FINE, part.width * _FINE,
                       part.height * _FINE)  # fmt: skip
    rays = finer.directions().reshape(-1, 3).astype(np.float32)
    scene = o3d.t.geometry.RaycastingScene(nthreads=1)
    scene.add_triangles(o3d.core.Tensor(np.ascontiguousarray(mesh.points, np.float32)),
                        o3d.core.Tensor(np.ascontiguousarray(mesh.faces, np.uint32)))  # fmt: skip
    lines = np.concatenate([np.zeros_like(rays), rays], 1)
    found = scene.cast_rays(o3d.core.Tensor(lines), nthreads=1)
    reach, triangle = found['t_hit'].numpy(), found['primitive_ids'].numpy()
    met = np.isfinite(reach)
    index = np.flatnonzero(met)
    points, normal = rays[index] * reach[index, None], mesh.normals[mesh.faces[triangle[index], 0]]
    normal = np.where((normal * rays[index]).sum(1, keepdims=True) > 0, -normal, normal)
    colour = np.zeros((len(rays), 3), np.float32)
    colour[index] = _shade(rng, place, points, normal, mesh.material[triangle[index]])
    shape = part.height, _FINE, part.width, _FINE
    cover = met.reshape(shape).mean((1, 3))
    mean = colour.reshape(*shape, 3).mean((1, 3)) / np.maximum(cover, 1e-6)[..., None]
    return mean, cover.astype(np.float32)


def _shade(rng: np.random.Generator, place: Place, points: np.ndarray, normal: np.ndarray,
           material: np.ndarray) -> np.ndarray:  # fmt: skip
    """Light (N, 3) of walls with windows, roofs with rows of tiles, and what is plain."""
    walls, roofs = (np.array([srgb(*colours[rng.integers(len(colours))]) for _ in range(3)])
                    for colours in (_WALLS, _ROOFS))  # fmt: skip
    house = np.abs(points[:, 0] // 17).astype(int) % 3
    along = np.where(np.abs(normal[:, 0]) > 0.7, points[:, 2], points[:, 0])
    up = place.height - points[:, 1]
    apart, storey = rng.uniform(2.2, 4.0), rng.uniform(2.7, 3.4)
    u, v = (along % apart) / apart, (up % storey) / storey
    window = (material == _WALL) & (u > 0.3) & (u < 0.75) & (v > 0.35) & (v < 0.85)
    albedo = np.where((material == _ROOF)[:, None], roofs[house], walls[house])
    albedo = albedo * np.where(material == _ROOF, 0.9 + 0.2 * ((up * 4) % 1 > 0.4), 1.0)[:, None]
    sunny = np.maximum(normal @ place.weather.sun.astype(np.float32), 0)
    light = place.lit(albedo.astype(np.float32), sunny)
    glass = 0.25 * place.weather.horizon + 0.01
    return np.where(window[:, None], glass, light)
