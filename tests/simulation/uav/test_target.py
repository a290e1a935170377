"""Coverage, motion blur, rotors and boxes against geometry and against the picture without the target."""

from dataclasses import replace

import numpy as np
import pytest

from perception_kd.simulation.stereo.meshes import box, ellipsoid, rotation
from perception_kd.simulation.uav.bodies.body import Rotor
from perception_kd.simulation.uav.flight import Attitude, Flight
from perception_kd.simulation.uav.frame import expose, smear_of
from perception_kd.simulation.uav.panorama import Layer
from perception_kd.simulation.uav.presets import get_preset
from perception_kd.simulation.uav.sequence import draw_sequence
from perception_kd.simulation.uav.target import SLOTS, render_target, spread
from perception_kd.simulation.uav.truth import COVERAGE, VISIBLE
from tests.simulation.uav.small import CLEAR, DARK, GREY, LENS, SMALL, backdrop, black, shot, still

PLATE = box((1.0, 0.5, 0.01), 0)
RAYS = 60_000


def light_of(targets, panorama=None, camera=None):
    return expose(panorama or backdrop(), tuple(targets), camera or shot(), DARK, RAYS)


@pytest.mark.parametrize('place', [(0.0, 0.0, 20.0), (0.13, -0.07, 20.0), (1.03, 0.4, 9.0)])
def test_a_plate_covers_pixels_by_area(place):
    """The plate's edges lie where projection puts them; a pixel's coverage is the area of its part of the plate."""
    patch = render_target(black(PLATE, place), shot(), CLEAR, RAYS)
    x = LENS.width / 2 + LENS.focal * (place[0] + np.array([-0.5, 0.5])) / (place[2] - 0.005)
    y = LENS.height / 2 + LENS.focal * (place[1] + np.array([-0.25, 0.25])) / (place[2] - 0.005)

    def covered(edges, first, count):
        cells = first + np.arange(count)
        return np.clip(np.minimum(edges[1], cells + 1) - np.maximum(edges[0], cells), 0, 1)

    height, width = patch.coverage.shape
    expected = np.outer(covered(y, patch.top, height), covered(x, patch.left, width))
    np.testing.assert_allclose(patch.coverage, expected, atol=0.07)
    assert patch.coverage.sum() == pytest.approx(expected.sum(), rel=0.02)
    assert patch.distance == pytest.approx(np.linalg.norm(place))


def test_samples_are_even_over_a_pixel_at_every_moment():
    places = spread(128)
    assert places.min() >= 0 and places.max() < 1
    for slot in range(SLOTS):
        own = places[slot::SLOTS]
        np.testing.assert_allclose(own.mean(0), 0.5, atol=0.06)
        assert all(np.histogram(axis, 4, (0, 1))[0].min() >= 2 for axis in own.T)


@pytest.mark.parametrize('camera_turns', [False, True])
def test_motion_blur_is_as_long_as_the_way(camera_turns):
    """10 px within the exposure: the plate flies, or stays while the camera turns."""
    plain = render_target(black(PLATE, (0, 0, 20)), shot(), CLEAR, RAYS)
    if camera_turns:
        camera = shot(still(turning=-2 * np.arctan(5 / LENS.focal) / 0.1), shutter=0.1, begin=-0.05)
        blurred = render_target(black(PLATE, (0, 0, 20)), camera, CLEAR, RAYS)
    else:
        blurred = render_target(black(PLATE, (0, 0, 20), (20, 0, 0)), shot(None, 0.1, -0.05), CLEAR, RAYS)
    assert blurred.coverage.sum() == pytest.approx(plain.coverage.sum(), rel=0.02)
    row = blurred.coverage[blurred.coverage.shape[0] // 2]
    # 5 px wide and 10 px long: half covered in the middle, rising and falling over 5 px
    assert row.max() == pytest.approx(0.5, abs=0.08)
    assert 13 <= (row > 0.02).sum() <= 16


def test_blades_cover_their_share_of_the_disc():
    rotor = Rotor(np.array([0.0, 0, 0]), np.array([0, 0, 1.0]), 1.0, 0.1, 2, 400.0, 0.0, (0, 0, 0))
    speck = ellipsoid((1e-3,) * 3, 0, 4)
    patch = render_target(black(speck, (0, 0, 10), rotors=(rotor,)), shot(None, 1 / 50), CLEAR, RAYS)
    area = 2 * 0.1 * (1.15 - 0.5 / 2)  # two blades, 0.1 m wide, tapered
    assert patch.coverage.sum() == pytest.approx(area * (LENS.focal / 10) ** 2, rel=0.1)


def brute_box(targets, panorama, camera):
    """Box of the pixels that a black target darkens by more than the threshold, from two whole pictures."""
    with_it, _ = expose(panorama, tuple(targets), camera, DARK, RAYS)
    without, _ = expose(panorama, (), camera, DARK, RAYS)
    place = np.argwhere(((without - with_it) / without).max(-1) > COVERAGE)
    (top, left), (bottom, right) = place.min(0), place.max(0)
    return left, top, right - left + 1, bottom - top + 1


@pytest.mark.parametrize('seed', range(8))
def test_boxes_are_those_of_the_thresholded_difference(seed):
    rng = np.random.default_rng(seed)
    distance = rng.uniform(6, 30)
    place = np.array([*rng.uniform(-0.45, 0.45, 2) * distance * 0.8, distance])
    mesh = ellipsoid(rng.uniform(0.2, 0.7, 3), 0, 8).moved(rotation(*rng.uniform(-2, 2, 3)))
    target, camera = black(mesh, place, rng.normal(0, 20, 3)), shot(None, rng.choice([1e-6, 0.02]))
    _, sights = light_of([target], camera=camera)
    assert [sight.box for sight in sights] == [brute_box([target], backdrop(), camera)]
    assert sights[0].contrast == pytest.approx(1, abs=1e-3)


def test_the_border_cuts_boxes_and_visibility():
    x = LENS.width / 2 / LENS.focal * 20
    _, (sight,) = light_of([black(PLATE, (x, 0, 20))])
    left, _, width, _ = sight.box
    assert left + width == LENS.width and 2 <= width <= 3
    assert sight.visible == pytest.approx(0.5, abs=0.05) and not sight.ignored
    assert not light_of([black(PLATE, (2 * x, 0, 20))])[1]
    assert not light_of([black(PLATE, (0, 0, -20))])[1], 'nothing is seen behind the camera'


def wall(distance, share, azimuth):
    """A layer of some opacity to the right of an azimuth."""
    grid = backdrop().grid
    alpha = np.zeros((grid.height, grid.width), np.float32)
    alpha[:, round((azimuth - grid.left) / grid.pitch):] = share
    return Layer(distance, 0, 0, alpha[..., None] * np.float32([0.1, 0.6, 0.2]), alpha)


def test_things_hide_what_is_behind_them_alone():
    scene = backdrop(wall(15.0, 1.0, 0.0))
    plain = light_of([])[0]
    light, (sight,) = light_of([black(PLATE, (0, 0, 20))], scene)
    assert sight.visible == pytest.approx(0.5, abs=0.12)
    assert sight.box[0] + sight.box[2] <= LENS.width // 2 + 1
    np.testing.assert_allclose(light[40:50, 62:], light_of([], scene)[0][40:50, 62:], atol=1e-5)
    assert light_of([black(PLATE, (0, 0, 12))], scene)[1][0].visible == pytest.approx(1)
    _, (hidden,) = light_of([black(PLATE, (0, 0, 20))], backdrop(wall(15.0, 0.85, -0.7)))
    assert hidden.visible == pytest.approx(0.15, abs=0.01) and hidden.visible < VISIBLE and hidden.ignored
    assert not light_of([black(PLATE, (0, 0, 20))], backdrop(wall(15.0, 1.0, -0.7)))[1]
    np.testing.assert_allclose(plain, np.broadcast_to(GREY, plain.shape), atol=1e-6)


def test_a_half_clear_thing_mixes_with_the_target():
    scene = backdrop(wall(15.0, 0.5, -0.7))
    light, _ = light_of([black(box((4.0, 4.0, 0.01), 0), (0, 0, 20))], scene)
    np.testing.assert_allclose(light[45, 60], 0.5 * np.array([0.1, 0.6, 0.2]), atol=1e-5)


def test_targets_hide_each_other():
    near, far = black(PLATE, (0.25, 0, 10), track=1), black(PLATE, (0, 0, 20), track=2)
    _, sights = light_of([far, near])
    assert [sight.track for sight in sights] == [1, 2]
    # in px of 20 m: the far one from -2.5 to 2.5, the near one from -2.5 on
    assert sights[0].visible == pytest.approx(1) and len(sights) == 2 and sights[1].visible < 0.15
    assert len(light_of([replace(far, track=5), black(PLATE, (3, 0, 10), track=1)])[1]) == 2


def test_haze_takes_contrast():
    sky = CLEAR.sky(np.float32([0, 0, 1]))
    scene = replace(backdrop(), picture=np.broadcast_to(sky, backdrop().picture.shape).copy())
    dark = replace(CLEAR, above=np.zeros(3), below=np.zeros(3), sunlight=np.zeros(3))
    for haze, ignored in ((20.0, False), (4.0, True)):
        _, (sight,) = expose(scene, (black(PLATE, (0, 0, 20)),), shot(), replace(dark, haze=haze), RAYS)
        assert sight.contrast == pytest.approx(np.exp(-20 / haze), rel=0.02) and sight.ignored == ignored


def test_the_background_smears_as_the_camera_turns():
    assert smear_of(shot()) is None
    kernel = smear_of(shot(still(turning=0.6), 0.1))
    assert kernel.sum() == pytest.approx(1) and kernel.shape[0] % 2 == 1
    columns = kernel.sum(0) @ np.arange(len(kernel)) - len(kernel) // 2
    assert columns == pytest.approx(0, abs=0.05) and (kernel.sum(0) > 0.01).sum() == pytest.approx(7, abs=1)


def test_bodies_lie_in_the_air_as_physics_says():
    level = Attitude('hover', 0.7, drag=0.02).rotation(Flight.straight(np.ones(3), np.zeros(3)), 1.0)
    np.testing.assert_allclose(level, rotation(0.7), atol=1e-12)
    fast = Attitude('hover', 0.0, drag=0.02).rotation(Flight.straight(np.ones(3), np.array([0, 0, 10.0])), 0.0)
    assert fast[1, 2] == pytest.approx(np.sin(np.arctan(0.2)))  # the nose is down
    sway = np.array([[10.0, 0, 0], [0, 0, 10.0]])
    circle = Flight(np.zeros(3), np.zeros(3), sway, np.ones(2), np.array([0, np.pi / 2]))
    turn = Attitude('wing').rotation(circle, 0.3)
    np.testing.assert_allclose(turn.T @ turn, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(turn[:, 2], circle.velocity(0.3) / np.linalg.norm(circle.velocity(0.3)))
    bank = np.arccos(turn[1, 1])
    assert np.tan(bank) == pytest.approx(10 / 9.81)  # v^2 / (r g)
    step = 1e-5
    for method, slope in ((circle.position, circle.velocity), (circle.velocity, circle.acceleration)):
        np.testing.assert_allclose((method(0.3 + step) - method(0.3 - step)) / (2 * step), slope(0.3), atol=1e-8)


@pytest.mark.parametrize('index', [0, 4])
def test_centres_of_drones_project_into_their_boxes(index):
    sequence = draw_sequence(replace(SMALL, frames=2), 1, index)
    found = 0
    for number, frame in enumerate(sequence.frames()):
        for sight in frame.sights:
            if sight.visible > 0.97 and sight.category in ('drone', 'airplane'):
                camera = sequence.shot(number)
                ((x, y),) = camera.sees(sequence.targets[sight.track], np.zeros((1, 3)), camera.middle)
                left, top, width, height = sight.box
                assert left - 0.6 <= x <= left + width + 0.6 and top - 0.6 <= y <= top + height + 0.6
                found += 1
    assert found


def test_presets_are_named():
    assert get_preset('tiny').width == 640
    with pytest.raises(ValueError, match="unknown uav preset 'huge'; there are: tiny, small, full"):
        get_preset('huge')
