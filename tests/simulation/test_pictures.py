"""Pictures in every light: brightness, noise, contrast, what shines, motion, and the shutter."""

import warnings
from dataclasses import replace

import numpy as np
import pytest

from perception_kd.simulation import materials as m
from perception_kd.simulation.light import CONDITIONS
from perception_kd.simulation.mesh import Surface
from perception_kd.simulation.pace import STANDING, STEADY
from perception_kd.simulation.primitives import box
from perception_kd.simulation.rendering.casting import cast_picture
from perception_kd.simulation.rendering.glow import emission
from perception_kd.simulation.rendering.motion import flow
from perception_kd.simulation.rendering.optics import camera_of, develop
from perception_kd.simulation.rendering.weather import add_rain
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.sensors import camera
from perception_kd.simulation.snapshot import Snapshot
from tests.simulation.streets import EGO, STRAIGHT, actor, street


def light_of(name):
    return CONDITIONS[name](np.random.default_rng(5))


@pytest.fixture(scope='module')
def pictures(world, rig):
    """The six pictures of one street, above each other, in each light, as floats; warnings are errors."""
    before, taken = world.light, {}
    mounts = [mount for mount in rig.values() if mount.modality == 'camera']
    for name in CONDITIONS:
        world.light = light_of(name)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            shot = Snapshot(world=world, time=1.0)
            images = [camera.render(shot, mount, np.random.default_rng(0)) for mount in mounts]
            again = camera.render(shot, mounts[0], np.random.default_rng(0))
        np.testing.assert_array_equal(images[0], again, err_msg='equal seeds, equal bytes')
        taken[name] = np.concatenate(images).astype(float)
    world.light = before
    return taken


def test_brightness_and_contrast_follow_time_and_weather(pictures):
    spread = {name: image.mean(2).std() for name, image in pictures.items()}
    # Not the means: lamps close to the ego vehicle are as bright by night.
    middle = {name: np.median(image) for name, image in pictures.items()}
    assert middle['night'] < 0.85 * middle['dusk'] and middle['dusk'] < 0.85 * middle['day'], middle
    assert middle['night'] < 0.7 * middle['day'] and middle['night rain'] < 0.75 * middle['rain'], middle
    assert spread['rain'] < 0.75 * spread['day'], spread
    colourful = {name: np.ptp(image, axis=2).mean() for name, image in pictures.items()}
    assert colourful['rain'] < 0.7 * colourful['day']
    for name, image in pictures.items():
        assert 8 < image.mean() < 200 and image.std() > 12, name
        assert (image == 255).mean() < 0.2 and (image == 0).mean() < 0.2, name


def test_noise_follows_signal_and_gain():
    """Shot noise grows with the root of the signal, and the gain multiplies its variance."""
    plain = camera_of('CAM_FRONT', 0.0)
    linear = {}
    for name, level in (('day', 0.05), ('day', 0.4), ('night', 0.05)):
        image = np.full((120, 200, 3), level, np.float32)
        shots = [develop(image, light_of(name), plain, np.random.default_rng(seed)) for seed in range(2)]
        difference = (shots[0].astype(float) - shots[1])[40:80, 70:130] / 255 / np.sqrt(2)
        tone = shots[0][40:80, 70:130].mean() / 255
        linear[name, level] = difference.std() * 2 * tone  # The gamma is close to a root.
    assert linear['day', 0.4] > 1.8 * linear['day', 0.05]
    assert linear['night', 0.05] > 1.3 * linear['day', 0.05]


def test_corners_are_darker_and_cameras_differ():
    image = develop(np.full((128, 352, 3), 0.2, np.float32), light_of('day'), camera_of('CAM_FRONT', 1.0),
                    np.random.default_rng(0)).astype(float)  # fmt: skip
    assert image[:8, :8].mean() < 0.95 * image[60:68, 170:180].mean()
    exposures = [camera_of(name, 1.0).exposure for name in ('CAM_FRONT', 'CAM_BACK', 'CAM_FRONT_LEFT')]
    assert np.std(exposures, axis=0).min() > 1e-3 and np.ptp(exposures) < 0.6


def test_tail_lights_and_windows_shine_at_night(rig):
    lead = actor('car', Track(STRAIGHT, 12.0, -1.75), in_traffic=True)
    wall = box((20, 4, 12), (25, 12, 6), Surface((0.3, 0.3, 0.3), texture=m.FACADE, seed=4))
    for name, shines in (('day', False), ('night', True)):
        shot = street([lead], walls=(wall,), light=light_of(name))
        view = camera._see(shot, rig['CAM_FRONT'])
        index = np.flatnonzero(view.hits.found)
        number = shot.surfaces.texture[view.hits.triangle[index]]
        footprint = np.full(len(index), 0.05, np.float32)
        glow = emission(shot, view.hits.chosen(index), view.rays.take(index, 1), footprint)
        image = camera.render(shot, rig['CAM_FRONT'], np.random.default_rng(0)).reshape(-1, 3)[index].astype(float)
        lamps, panes = number == m.TAIL, number == m.FACADE
        assert lamps.sum() > 4 and panes.sum() > 200
        if not shines:
            assert glow is None or not glow[:, lamps | panes].any()
            continue
        assert (glow[0, lamps] > 10 * glow[2, lamps]).all(), 'red'
        body = (shot.owner(view.hits)[index] == 0) & ~lamps
        assert image[lamps, 2].mean() > 1.5 * image[body, 2].mean()
        lit = panes & (glow[0] > 0.1)
        assert 0.03 < lit.sum() / panes.sum() < 0.7
        assert image[lit].mean() > 1.5 * image[panes & ~glow.any(0)].mean()


def test_traffic_lights_show_red_to_those_who_wait():
    """Red on the main road while the ego vehicle stands, and green on the side street then."""
    road = Road(0.0, -100, 150, 4.6, mouth=(15.0, 5.75))
    for speed, waits in ((0.0, True), (8.0, False)):
        heads = [
            box((0.3, 0.3, 0.3), (20, -9 + step, 3 + level), Surface((0.1, 0.1, 0.1), texture=texture))
            for step, level, texture in ((0, 0, m.STOP), (0, -1, m.GO))
        ]
        ego = Track(road, 0.0, -1.75, speed, pace=STANDING if waits else STEADY)
        shot = street([], ego, tuple(heads), light_of('day'))
        for front, expected in (([-1.0, 0, 0], waits), ([0, 1.0, 0], not waits)):
            towards = -np.array([front, front])
            starts = np.array([[20, -9, 3], [20, -9, 2]]) - 3 * towards
            hits = shot.cast(starts, towards)
            glow = emission(shot, hits, towards.T.astype(np.float32), np.full(2, 0.01, np.float32))
            red, green = glow[0, 0], glow[1, 1]
            assert (red > 1) == expected and (green > 1) != expected


def test_rain_leaves_dry_pictures_alone_and_its_drops_stay():
    wave = 0.4 + 0.3 * np.sin(np.arange(352, dtype=np.float32) / 6)
    image = np.tile(wave[None, :, None], (128, 1, 3))
    assert add_rain(image, light_of('day'), 'CAM_FRONT', 0.0, np.random.default_rng(0)) is image
    light = replace(light_of('rain'), rain=1.0)
    change = [
        np.abs(add_rain(image.copy(), light, channel, time, np.random.default_rng(0)) - image).max(2)
        for channel, time in (('CAM_FRONT', 0.0), ('CAM_FRONT', 0.05), ('CAM_BACK', 0.0))
    ]
    drops = [part > 0.06 for part in change]
    assert 0.0005 < drops[0].mean() < 0.2
    assert (drops[0] & drops[1]).sum() > 0.6 * drops[0].sum() > (drops[0] & drops[2]).sum()


@pytest.mark.parametrize(('speed', 'pixels'), [(0.0, 0.0), (6.0, 6 * 0.02 * 0.79 * 176 / 7.47)])
def test_things_move_through_the_picture_as_geometry_says(rig, speed, pixels):
    """A wall 7.47 m beside the camera that looks left: f v t / depth, against the direction of travel."""
    ego = Track(STRAIGHT, 0.0, 0.0, speed)
    mount = rig['CAM_FRONT_LEFT']
    turned = camera.Mount('X', 'camera', mount.to_ego.copy(), mount.intrinsic, mount.size)
    turned.to_ego[:3, :3] = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])
    turned.to_ego[:3, 3] = [0, 0.53, 1.5]
    shot = street([], ego, (box((60, 1, 20), (0, 8.5, 10), m.CONCRETE),))
    way = flow(camera._see(shot, turned), turned, 0.02)[:6]  # Above the foot of the wall.
    np.testing.assert_allclose(way[..., 0], -pixels, atol=0.02)
    np.testing.assert_allclose(way[..., 1], 0, atol=0.02)


def test_inferred_pixels_are_those_that_rays_would_find(snapshot, rig):
    mount = rig['CAM_FRONT_RIGHT']
    view = camera._see(snapshot, mount)
    local = camera.pixel_rays(mount).T
    inferred = cast_picture(snapshot, view.origins, view.rays, local[2], mount.size)
    cast = snapshot.cast(view.origins, view.rays.T)
    same = inferred.triangle == cast.triangle
    assert same.mean() > 0.998
    both = same & cast.found
    np.testing.assert_allclose(inferred.distance[both], cast.distance[both], rtol=1e-4)
    np.testing.assert_allclose(inferred.barycentric[both], cast.barycentric[both], atol=2e-3)


def _post_columns(shot: Snapshot, mount, rolling: float) -> np.ndarray:
    """Mean column of a red post in each row, from the picture."""
    image = camera.render(shot, mount, np.random.default_rng(0), rolling).astype(float)
    red = np.clip(image[..., 2] - image[..., :2].max(2) - 40, 0, None)
    return (red * np.arange(image.shape[1])).sum(1) / np.maximum(red.sum(1), 1e-9)


def test_a_rolling_shutter_leans_posts(rig):
    """To the front left a post slips back through the picture while the rows are read: f v t / depth."""
    mount, speed, rolling = rig['CAM_FRONT_LEFT'], 10.0, 0.2
    ego = Track(STRAIGHT, 0.0, 0.0, speed)
    centre = np.array([speed * 0.7, 0, 0]) + mount.to_ego[:3, 3] + 6 * mount.to_ego[:3, 2]
    post = box((0.25, 0.25, 20), (*centre[:2], 0), Surface((0.9, 0.02, 0.02)))
    shot = street([], ego, (post,))
    straight, leaning = _post_columns(shot, mount, 0.0), _post_columns(shot, mount, rolling)
    height = mount.size[1]
    rows = slice(height // 8, 7 * height // 8)
    assert np.ptp(straight[rows]) < 1.5
    local = mount.to_ego[:3, :3].T @ [speed, 0, 0]
    times = rolling * ((np.arange(height) + 0.5) / height - 0.5)
    expected = mount.intrinsic[0, 0] * -local[0] * times / (6 - local[2] * times)
    np.testing.assert_allclose((leaning - straight)[rows], expected[rows], atol=1.0)
    plain = camera.render(shot, mount, np.random.default_rng(0))
    np.testing.assert_array_equal(plain, camera.render(shot, mount, np.random.default_rng(0), 0.0))


def test_a_standing_world_looks_the_same_through_any_shutter(rig):
    shot = street([actor('car', Track(STRAIGHT, 15.0, 3.0))], EGO)
    images = [camera.render(shot, rig['CAM_FRONT'], np.random.default_rng(0), rolling) for rolling in (0.0, 0.03)]
    difference = np.abs(images[0].astype(int) - images[1])
    assert np.median(difference) == 0 and (difference > 12).mean() < 0.02
