"""From a sample to layers: places, colours and counts known by hand."""

import dataclasses

import numpy as np
import pytest

from perception_kd.visualization.boxes import Boxes
from perception_kd.visualization.frame import RadarPoints
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.palette import NUSCENES, SAFE, luminance
from perception_kd.visualization.view import View
from perception_kd.visualization.view3d.build import SceneBuilder
from perception_kd.visualization.view3d.ground import grid, ring_radii, rings
from perception_kd.visualization.view3d.objects import owners
from perception_kd.visualization.view3d.primitives import Lines, Mesh, Photo, Points, Scene3D
from perception_kd.visualization.view3d.shapes import arrows
from perception_kd.visualization.view3d.theme import DARK, LIGHT
from perception_kd.visualization.view3d.vehicle import vehicle
from perception_kd.visualization.view3d.viewpoint import CAMERAS, Viewpoint, orbit, viewpoint
from tests.visualization.conftest import LIDAR2EGO, make_boxes
from tests.visualization.view3d.conftest import VIEW, pixels_of

# LiDAR y is ahead: a car 14 m ahead that heads there (yaw 90 degrees) and drives at 5 m/s.
CAR = make_boxes([('car', 1.0, 14.0, np.pi / 2)], velocities=np.array([[0.0, 5.0]]))


def layers(scene, kind=object):
    return {layer.name: layer for layer in scene.layers if isinstance(layer, kind)}


def build(frame, predictions=None, **choices):
    options = {name: choices.pop(name) for name in list(choices) if name in PictureOptions.__dataclass_fields__}
    return SceneBuilder(VIEW, PictureOptions(**options), **choices).scene(frame, predictions)


def test_layers_appear_and_can_be_left_out(make_frame, radar):
    frame = make_frame(CAR, radar=radar)
    full = build(frame, CAR, photos=True)
    assert {'grid', 'rings', 'vehicle', 'lidar', 'radar', 'radar velocity', 'photo CAM_FRONT', 'photos', 'truth',
            'truth velocity', 'predictions', 'predictions faces', 'predictions heading'} <= set(full.names)
    assert 'truth faces' not in full.names and 'truth faces' in build(frame).names
    bare = build(make_frame(Boxes.empty()), lidar='none', radar='none', velocities=False)
    assert bare.names == ('grid', 'rings', 'vehicle')
    raw = dataclasses.replace(radar, compensated=False)
    assert 'radar velocity' not in build(make_frame(CAR, radar=raw)).names


def test_boxes_stand_in_the_vehicle_frame_with_tinted_front(make_frame):
    shown = build(make_frame(CAR), radar='none')
    edges = layers(shown, Lines)['truth'].segments.reshape(-1, 3)
    # LiDAR (1, 14, -1) is (14, -1, 0.8) of the vehicle: 4 m along x, 2 m along y, 1.6 m high.
    np.testing.assert_allclose([edges.min(0), edges.max(0)], [(12, -2, 0), (16, 0, 1.6)], atol=1e-9)
    faces = layers(shown, Mesh)['truth faces']
    orange = np.array(NUSCENES.of('car'))
    front = faces.triangles[np.abs(faces.colours - orange).sum(1) < 1e-9]
    assert len(front) == 2 and len(faces.triangles) == 12 and faces.translucent
    assert (front[..., 0] > 15.9).all(), 'the front is where the car heads'
    assert (faces.colours[2:].mean(0) > orange + 0.05)[1:].all(), 'the other faces are paler'
    heading = layers(shown, Lines)['truth heading'].segments[0]
    np.testing.assert_allclose(heading, [(14, -1, 1.6), (16, -1, 1.6)], atol=1e-9)


def test_velocities_reach_where_a_box_is_one_second_later(make_frame):
    shown = build(make_frame(CAR))
    tip = layers(shown, Mesh)['truth velocity'].triangles[0, 0]
    np.testing.assert_allclose(tip[:2], (19, -1), atol=1e-9)
    still = make_boxes([('car', 0, 9, 0), ('car', 4, 9, 0)], velocities=np.array([[0.1, 0.1], [np.nan, np.nan]]))
    assert 'truth velocity' not in build(make_frame(still)).names


def test_predictions_have_class_colours_and_truth_steps_back(make_frame):
    shown = layers(build(make_frame(CAR), make_boxes([('bus', 3, 9, 0), ('bus', 8, 9, 0)], [0.9, 0.1])), Lines)
    assert (shown['truth'].colours == LIGHT.ink).all() and shown['truth'].width < shown['predictions'].width
    assert len(shown['predictions'].segments) == 12, 'the score of the other is below the bound'
    np.testing.assert_allclose(shown['predictions'].colours[0], NUSCENES.of('bus'))


def test_points_within_boxes_have_their_colour_and_the_vehicles_own_are_left_out(make_frame):
    frame = make_frame(CAR)
    ego = np.array([(14, -1, 0.8), (15.9, -0.1, 0.1), (15.9, 0.1, 0.1), (1.0, 0.3, 1.4), (44.0, 0, 0), (46.0, 0, 0)])
    cloud = np.c_[(ego - LIDAR2EGO[:3, 3]) @ LIDAR2EGO[:3, :3], np.zeros((6, 2))].astype(np.float32)
    cloud = np.r_[cloud, np.full((1, 5), np.nan, np.float32)]
    points = layers(build(dataclasses.replace(frame, lidar=cloud)), Points)['lidar']
    np.testing.assert_allclose(points.positions, ego[[0, 1, 2, 4]], atol=1e-5)  # own roof; beyond 1.5 x 30 m; NaN
    inside = np.abs(points.colours - NUSCENES.of('car')).sum(1) < 1e-9
    assert inside.tolist() == [True, True, False, False]


def test_owners_agree_with_a_brute_force_twin():
    rng = np.random.default_rng(0)
    boxes = make_boxes([('car', *rng.uniform(-9, 9, 2), rng.uniform(-3, 3)) for _ in range(6)])
    points = rng.uniform(-10, 10, (500, 3)) * (1, 1, 0.1) + (0, 0, 0.8)
    lidar = (points - LIDAR2EGO[:3, 3]) @ LIDAR2EGO[:3, :3]
    expected = np.full(500, -1)
    for index in range(6):
        offset = lidar - boxes.centres[index]
        cosine, sine = np.cos(boxes.yaws[index]), np.sin(boxes.yaws[index])
        own = np.stack([cosine * offset[:, 0] + sine * offset[:, 1], cosine * offset[:, 1] - sine * offset[:, 0],
                        offset[:, 2]], 1)
        expected[(np.abs(own) <= boxes.sizes[index] / 2).all(1)] = index
    np.testing.assert_array_equal(owners(points, boxes, LIDAR2EGO), expected)
    assert (expected >= 0).sum() > 20


def test_radar_stands_at_its_place_in_the_colour_of_its_value(make_frame, radar):
    shown = layers(build(make_frame(CAR, radar=radar), radar='velocity'), Mesh)
    marks = shown['radar'].triangles.reshape(3, -1, 3).mean(1)
    np.testing.assert_allclose(marks, radar.positions @ LIDAR2EGO[:3, :3].T + LIDAR2EGO[:3, 3], atol=1e-6)
    red, blue = shown['radar'].colours.reshape(3, 8, 3).mean(1)[[0, 2]]
    assert red[0] > red[2] and blue[2] > blue[0], 'receding is red, approaching blue'
    tips = shown['radar velocity'].triangles[:, 0]
    np.testing.assert_allclose(tips[:, :2], [(21, -2), (-6, 0)], atol=1e-6)  # the resting one has no arrow


def test_photographs_hang_where_their_camera_sees(make_frame):
    photo = layers(build(make_frame(CAR), photos=True), Photo)['photo CAM_FRONT']
    corners = photo.corners - (0, 0, 1.8)  # the camera stands where the LiDAR does
    # 400 x 200 pixels, focal length 200, centre (200, 90): at depth d, d to the left and 0.45 d up.
    depth = corners[0, 0]
    np.testing.assert_allclose(corners[:, 0], depth)
    np.testing.assert_allclose(corners[[0, 2], 1:], depth * np.array([(1, 0.45), (-1, -0.55)]), atol=1e-9)


def test_rings_and_a_grid_that_stands_still_in_the_world():
    assert ring_radii(55).tolist() == [10, 20, 30, 40, 50] and ring_radii(3).tolist() == [1, 2, 3]
    radii = np.linalg.norm(rings(25, LIGHT).segments, axis=-1).round(6)
    assert set(np.unique(radii)) == {5, 10, 15, 20, 25}
    pose = np.eye(4)
    cosine, sine = np.cos(0.3), np.sin(0.3)
    pose[:2] = [(cosine, -sine, 0, 123.4), (sine, cosine, 0, -56.7)]
    ends = grid(pose, 30, LIGHT).segments.reshape(-1, 3)
    world = ends[:, :2] @ pose[:2, :2].T + pose[:2, 3]
    assert (np.abs(world / 10 - np.round(world / 10)).min(1) < 1e-9).all(), 'every line is at whole tens of metres'
    assert np.linalg.norm(ends, axis=1).max() < 45.1


def test_the_vehicle_is_a_car_whose_normals_point_out():
    car = vehicle((1, 1, 1), (0.5, 0.5, 0.5), (0, 0, 0))
    low, high = car.triangles.min((0, 1)), car.triangles.max((0, 1))
    assert 4 < high[0] - low[0] < 4.3 and 1.7 < high[1] - low[1] < 2 and low[2] > -0.01 and 1.4 < high[2] < 1.6
    up = np.cross(car.triangles[:, 1] - car.triangles[:, 0], car.triangles[:, 2] - car.triangles[:, 0])[:, 2]
    roof = car.triangles[..., 2].min(1) > 1.4
    assert roof.sum() == 2 and (up[roof] > 0).all() and (car.colours[roof] > 0.95).all()


def test_arrows_point_along_their_motion():
    shafts, heads = arrows(np.array([[1.0, 2, 0]]), np.array([[0.0, 4]]), head=1.0)
    np.testing.assert_allclose(shafts, [[(1, 2, 0), (1, 5, 0)]])
    np.testing.assert_allclose(heads[0], [(1, 6, 0), (0.58, 5, 0), (1.42, 5, 0)])


def test_class_colours_stay_apart_and_readable_on_dark():
    for palette in (NUSCENES, SAFE):
        shown = [DARK.readable(colour) for colour in palette.classes.values()]
        assert min(map(luminance, shown)) > 0.3
        assert [LIGHT.readable(colour) for colour in palette.classes.values()] == list(palette.classes.values())
    greys = [DARK.readable(SAFE.of(name))[0] for name in ('traffic_cone', 'construction_vehicle', 'barrier')]
    assert np.diff(greys).max() < -0.1


@pytest.mark.parametrize('name', CAMERAS)
@pytest.mark.parametrize('view', [View(50, 50, 50), View(100, 5, 25)])
def test_cameras_see_vehicle_and_front(name, view):
    camera = viewpoint(name, view)
    pixels = pixels_of(np.array([(0.0, 0, 0), (0.5 * view.front, 0, 0)]), (1600, 900), camera)
    assert (pixels > 0).all() and (pixels < (1600, 900)).all()
    ahead = pixels[1] - pixels[0]
    assert {'chase': ahead[1] < 0, 'bird': ahead[1] < 0, 'side': ahead[0] > 0, 'front': ahead[1] > 0}[name]


def test_an_orbit_goes_round_once():
    cameras = list(orbit(VIEW, 8))
    eyes = np.array([camera.eye for camera in cameras]) - cameras[0].target
    angles = np.unwrap(np.arctan2(eyes[:, 1], eyes[:, 0]))
    np.testing.assert_allclose(np.diff(angles), np.pi / 4)
    np.testing.assert_allclose(np.linalg.norm(eyes, axis=1), np.linalg.norm(eyes[0]))
    assert eyes[0, 0] < 0 and abs(eyes[0, 1]) < 1e-9, 'it begins behind the vehicle'


@pytest.mark.parametrize(('make', 'words'), [
    (lambda: Points('a', np.zeros((2, 2)), np.zeros((2, 3))), r'points of a: expected an array \(N, 3\), got \(2, 2\)'),
    (lambda: Lines('a', np.zeros((2, 2, 3)), np.zeros((3, 3))), r'colours of a: .* \(2, 3\), got \(3, 3\)'),
    (lambda: Mesh('a', np.full((1, 3, 3), np.nan), np.zeros((1, 3))), 'triangles of a holds NaN'),
    (lambda: Photo('a', np.zeros((3, 3)), np.zeros((2, 2, 3), np.uint8)), 'corners of a'),
    (lambda: Scene3D([], opacity=2), 'opacity must lie in 0..1, got 2'),
    (lambda: Viewpoint((0, 0, 5), (0, 0, 0)), 'cannot have .* up'),
    (lambda: Viewpoint((1, 0, 5), (0, 0, 0), angle=170), 'opening angle'),
    (lambda: viewpoint('top', VIEW), "camera: 'top' is not among chase, bird, side, front"),
    (lambda: list(orbit(VIEW, 1)), 'at least 2 frames, got 1'),
])
def test_what_cannot_be_drawn_is_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_nothing_at_all_is_a_scene(make_frame):
    frame = dataclasses.replace(make_frame(Boxes.empty()), lidar=np.zeros((0, 5), np.float32))
    none = RadarPoints(np.zeros((0, 3)), np.zeros((0, 2)), np.zeros(0))
    assert build(dataclasses.replace(frame, radar=none), Boxes.empty()).names == ('grid', 'rings', 'vehicle')
