"""Primitives and actors: closed, facing outwards, of the size they claim."""

import numpy as np
import pytest

from perception_kd.simulation.actors.catalogue import BOX_MARGIN, CLASSES, draw
from perception_kd.simulation.mesh import Mesh, Surface, areas, merge, normals
from perception_kd.simulation.primitives import ball, beam, box, cylinder, loft, strip, wheel

GREY = Surface((0.5, 0.5, 0.5))


def volume(mesh: Mesh) -> float:
    """Signed volume by the divergence theorem: positive if closed and facing outwards."""
    a, b, c = (mesh.vertices[mesh.triangles[:, i]].astype(float) for i in range(3))
    return float(np.einsum('ij,ij->', a, np.cross(b, c)) / 6)


def is_closed(mesh: Mesh) -> bool:
    """Every edge is used once in each direction."""
    _, where = np.unique(mesh.vertices.round(5), axis=0, return_inverse=True)
    corner = where.ravel()[mesh.triangles]
    corner = corner[(corner != np.roll(corner, 1, 1)).all(1)]
    edges = np.concatenate([corner[:, [i, (i + 1) % 3]] for i in range(3)])
    forth, back = sorted(map(tuple, edges)), sorted(map(tuple, edges[:, ::-1]))
    return forth == back


@pytest.mark.parametrize(('mesh', 'expected'), [
    (box((2, 3, 4), (5, -6, 7), GREY), 24.0),
    (cylinder((1, 2, 3), (1, 2, 7), 2.0, GREY, 12), 4 * 0.5 * 12 * 4 * np.sin(2 * np.pi / 12)),
    (cylinder((0, 0, 0), (3, 0, 0), (1.0, 0.5), GREY, 40), np.pi * 3 / 3 * (1 + 0.5 + 0.25)),
    (ball((1, 2, 3), (1.0, 2.0, 0.5), GREY, 24, 48), 4 / 3 * np.pi),
    (beam((0, 0, 0), (1, 2, 2), 0.5, 0.2, GREY), 0.3),
    (loft([(0, 0, 1, 1, 1), (2, 0, 2, 1, 1)], GREY), 6.0),
])  # fmt: skip
def test_primitives_are_closed_and_of_known_volume(mesh, expected):
    assert is_closed(mesh)
    assert volume(mesh) == pytest.approx(expected, rel=0.02)


def test_wheel_is_two_closed_cylinders():
    mesh = wheel((0, 1, 0.4), 0.4, 0.2, GREY, GREY)
    assert is_closed(mesh) and volume(mesh) > 0
    assert mesh.vertices.min(0) == pytest.approx([-0.4, 0.89, 0.0], abs=0.01)


def test_strip_faces_up_and_measures_along_itself():
    x = np.arange(0, 9, 2.0)
    left, right = np.stack([x, 0 * x + 1, 0 * x], 1), np.stack([x, 0 * x - 1, 0 * x], 1)
    mesh = strip(left, right, left[:, :2], right[:, :2], GREY)
    assert (normals(mesh.vertices, mesh.triangles) == [0, 0, 1]).all()
    assert areas(mesh.vertices, mesh.triangles).sum() == pytest.approx(16)
    np.testing.assert_allclose(mesh.uv, mesh.vertices[mesh.triangles][..., :2])


def test_box_texture_is_in_metres():
    mesh = box((2, 3, 4), (0, 0, 0), GREY)
    edges = np.linalg.norm(np.diff(mesh.vertices[mesh.triangles], axis=1), axis=-1)
    np.testing.assert_allclose(np.linalg.norm(np.diff(mesh.uv, axis=1), axis=-1), edges, rtol=1e-5)


def test_merge_keeps_triangles():
    parts = [box((1, 1, 1), (i, 0, 0), GREY) for i in range(3)]
    whole = merge(parts)
    assert volume(whole) == pytest.approx(3)
    np.testing.assert_allclose(whole.vertices[whole.triangles[12:24]], parts[1].vertices[parts[1].triangles])


@pytest.mark.parametrize('name', CLASSES)
def test_every_class_fills_its_box_and_faces_outwards(name):
    for seed in range(6):
        made = draw(name, np.random.default_rng(seed))
        length, width, height = made.size
        poses = [made.figure.vertices(), *(made.figure.vertices(way, 1.0) for way in np.arange(0, 6, 0.02))]
        poses = poses if made.figure.joints else poses[:1]
        low, high = np.min([pose.min(0) for pose in poses], 0), np.max([pose.max(0) for pose in poses], 0)
        inner = np.array([length, width, 0]) / 2 - [BOX_MARGIN, BOX_MARGIN, 0]
        np.testing.assert_allclose(low, -inner, atol=0.01 if made.figure.joints else 1e-4)
        np.testing.assert_allclose(high, inner + [0, 0, height - BOX_MARGIN], atol=0.01 if made.figure.joints else 1e-4)
        assert is_closed(made.mesh) and 0.01 < volume(made.mesh) / (length * width * height) < 1.5
        materials = set(made.mesh.surface['reflectivity'].tolist())
        assert len(materials) > 1 or name == 'barrier'


def test_same_seed_same_object_and_variants():
    one, two = (draw('truck', np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.mesh.vertices, two.mesh.vertices)
    assert draw('bicycle', np.random.default_rng(0)).ridden
    assert not draw('bicycle', np.random.default_rng(0), variant='parked').ridden
    worker = draw('pedestrian', np.random.default_rng(0), variant='worker')
    assert worker.category == 'human.pedestrian.construction_worker'
    with pytest.raises(ValueError, match=r'unknown class .tram.'):
        draw('tram', np.random.default_rng(0))
