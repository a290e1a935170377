"""A scene's layers as Open3D's geometries and materials."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import open3d as o3d
from numpy.typing import NDArray

from perception_kd.visualization.view3d.primitives import Layer, Lines, Mesh, Photo, Points, Scene3D

Vectors, Indices = o3d.utility.Vector3dVector, o3d.utility.Vector3iVector


def geometries(scene: Scene3D, scale: float) -> Iterator[tuple[str, Any, Any]]:
    """Unique name, geometry and material of each layer; ``scale`` multiplies sizes in pixels."""
    for index, layer in enumerate(scene.layers):
        yield f'{index:02d} {layer.name}', *_of(layer, scale)


def srgb(values: Any) -> NDArray[np.float64]:
    """The sRGB curve (IEC 61966-2-1): Open3D takes it off backgrounds and textures for good."""
    values = np.asarray(values, np.float64)
    return np.where(values <= 0.0031308, 12.92 * values, 1.055 * values ** (1 / 2.4) - 0.055)


def _of(layer: Layer, scale: float) -> tuple[Any, Any]:
    material = o3d.visualization.rendering.MaterialRecord()
    material.shader = 'defaultUnlit'
    if isinstance(layer, Points):
        material.point_size = layer.size * scale
        geometry = o3d.geometry.PointCloud(Vectors(layer.positions))
        geometry.colors = Vectors(layer.colours)
        return geometry, material
    if isinstance(layer, Lines):
        material.shader, material.line_width = 'unlitLine', layer.width * scale
        ends = np.arange(2 * len(layer.segments), dtype=np.int32).reshape(-1, 2)
        geometry = o3d.geometry.LineSet(Vectors(layer.segments.reshape(-1, 3)), o3d.utility.Vector2iVector(ends))
        geometry.colors = Vectors(layer.colours)
        return geometry, material
    if isinstance(layer, Photo):
        return _photo(layer, material), material
    # Plain colours, a little behind lines at the same place. On software drivers `defaultUnlit` takes a hundred times
    # as long for triangles.
    material.shader = 'unlitPolygonOffset'
    return _mesh(layer), material


def _mesh(layer: Mesh) -> Any:
    """Every triangle twice, once for either side: Open3D draws the side alone whose corners run counter-clockwise."""
    both = np.concatenate([layer.triangles, layer.triangles[:, ::-1]])
    indices = np.arange(3 * len(both), dtype=np.int32).reshape(-1, 3)
    geometry = o3d.geometry.TriangleMesh(Vectors(both.reshape(-1, 3)), Indices(indices))
    geometry.vertex_colors = Vectors(np.tile(np.repeat(layer.colours, 3, axis=0), (2, 1)))
    return geometry


def _photo(layer: Photo, material: Any) -> Any:
    """Two textured triangles, twice."""
    faces = np.array([(0, 1, 2), (0, 2, 3), (2, 1, 0), (3, 2, 0)], np.int32)
    geometry = o3d.geometry.TriangleMesh(Vectors(layer.corners), Indices(faces))
    places = np.array([(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 0.0)])
    geometry.triangle_uvs = o3d.utility.Vector2dVector(places[faces].reshape(-1, 2))
    geometry.triangle_material_ids = o3d.utility.IntVector([0] * len(faces))
    material.albedo_img = o3d.geometry.Image(np.round(255 * srgb(layer.image / 255)).astype(np.uint8))
    material.base_color = [*srgb((2.0, 2.0, 2.0)), 1.0]  # unlit textures come out half as bright
    return geometry
