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


# Mean length, width and height in m of the boxes of nuScenes' training split.
NUSCENES_SIZES = {
    'car': (4.63, 1.97, 1.74), 'truck': (6.93, 2.51, 2.84), 'bus': (10.5, 2.94, 3.47), 'trailer': (12.29, 2.90, 3.87),
    'construction_vehicle': (6.37, 2.85, 3.19), 'pedestrian': (0.73, 0.67, 1.77), 'motorcycle': (2.11, 0.77, 1.47),
    'bicycle': (1.70, 0.60, 1.28), 'traffic_cone': (0.41, 0.41, 1.07), 'barrier': (0.50, 2.53, 0.98),
}  # fmt: skip


@pytest.mark.parametrize('name', CLASSES)
def test_mean_sizes_are_those_of_nuscenes(name):
    """Within 6 %; a bicycle, whose rider counts in its box, within 12 % (half of them are ridden)."""
    rng = np.random.default_rng(0)
    variants = ('ridden', 'parked') if name in ('bicycle', 'motorcycle') else ('',)
    sizes = np.array([draw(name, rng, variant=variants[index % len(variants)]).size for index in range(40)])
    np.testing.assert_allclose(sizes.mean(0), NUSCENES_SIZES[name], rtol=0.12 if name == 'bicycle' else 0.06)
    assert (sizes.std(0) / sizes.mean(0)).max() < 0.25 and sizes.std(0).min() > 0


def test_walkers_swing_their_limbs_with_both_feet_on_the_ground_in_turn():
    adult = draw('pedestrian', np.random.default_rng(3), variant='adult').figure
    poses = [adult.vertices(way, 1.0) for way in np.linspace(0, 1.5, 31)]
    assert np.ptp([pose[:, 0].max() for pose in poses]) > 0.1, 'strides open and close'
    assert np.ptp([pose[:, 2].min() for pose in poses]) < 1e-4, 'the lower foot stays on the ground'
    head = adult.mesh.vertices[:, 2].argmax()
    assert np.ptp([pose[head, 2] for pose in poses]) < 0.06, 'the head hardly moves'
    np.testing.assert_array_equal(adult.vertices(0.0, 0.0), adult.vertices(0.7, 0.0))
    car = draw('car', np.random.default_rng(3)).figure
    np.testing.assert_array_equal(car.vertices(5.0, 1.0), car.vertices())


def test_wheels_of_bicycles_roll():
    figure = draw('bicycle', np.random.default_rng(3), variant='parked').figure
    wheel_joint = next(joint for joint in figure.joints if joint.radius)
    turn = 2 * np.pi * wheel_joint.radius
    start, half, whole = (figure.vertices(way)[wheel_joint.vertices] for way in (0.0, turn / 2, turn))
    np.testing.assert_allclose(whole, start, atol=1e-5)
    np.testing.assert_allclose(half.mean(0), start.mean(0), atol=0.02)
    top = start[:, 2].argmax()
    assert half[top, 2] < 0.1
    ahead = figure.vertices(0.1)[wheel_joint.vertices]
    assert ahead[top, 0] > start[top, 0] + 0.05, 'the top of a wheel moves forward'


def test_same_seed_same_object_and_variants():
    one, two = (draw('truck', np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one.mesh.vertices, two.mesh.vertices)
    assert draw('bicycle', np.random.default_rng(0)).ridden
    assert not draw('bicycle', np.random.default_rng(0), variant='parked').ridden
    worker = draw('pedestrian', np.random.default_rng(0), variant='worker')
    assert worker.category == 'human.pedestrian.construction_worker'
    with pytest.raises(ValueError, match=r'unknown class .tram.'):
        draw('tram', np.random.default_rng(0))
