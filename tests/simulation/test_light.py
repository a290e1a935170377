"""Light and weather: which scene gets which, what reaches a surface, what the description says."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from perception_kd.simulation.light import CONDITIONS, PLAN, draw_light
from perception_kd.simulation.mesh import Mesh, Surface
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.primitives import box
from perception_kd.simulation.rendering.lamps import illuminate, mirrored, sources
from perception_kd.simulation.rendering.shading import radiance
from perception_kd.simulation.rendering.view import View
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World, build_world
from perception_kd.simulation.writers.nuscenes import SPLITS, split_of

ROAD = Road(0.0, -200, 200, 60)


def bare_world(condition: str, scenery: Mesh, lamps: list | None = None) -> Snapshot:
    """Nothing but some scenery in clear air; the ego vehicle is 60 m away and looks away."""
    ego = Track(ROAD, 60.0, -1.75)
    plan = Plan(ROAD, ego, 4.5, {}, frozenset({1}), (0.0, 1), False)
    light = replace(CONDITIONS[condition](np.random.default_rng(3)), haze=1e9)
    return Snapshot(world=World(plan, [], light, scenery, np.array(lamps or []).reshape(-1, 3)), time=0.0)


@pytest.mark.parametrize('scenes', [12, 30])
def test_every_split_gets_its_share_of_light_and_weather(scenes):
    rng = np.random.default_rng(0)
    lights = [(split_of(scene, scenes), draw_light(rng, scene)) for scene in range(scenes)]
    names = {split: [light.name for other, light in lights if other == split] for split in SPLITS}
    assert {'day', 'dusk', 'night', 'rain'} <= set(names[SPLITS[0]])
    for split in SPLITS[1:]:
        assert 'day' in names[split] and set(names[split]) - {'day', 'dusk'}, split
    share = {word: np.mean([word in light.name for _, light in lights]) for word in ('day', 'night', 'rain', 'dusk')}
    assert 0.5 <= share['day'] <= 0.6 and 0.06 <= share['dusk'] <= 0.1
    assert 0.12 <= share['night'] <= 0.2 and 0.15 <= share['rain'] <= 0.22
    assert ('night rain' in PLAN) and ('night rain' in {light.name for _, light in lights}) == (scenes == 30)


def test_a_light_follows_from_seed_and_scene_and_is_sane():
    for scene, name in enumerate(PLAN):
        first, again, other = (draw_light(np.random.default_rng(seed), scene) for seed in (1, 1, 2))
        assert first.name == name == other.name
        assert first.drift == again.drift != other.drift
        assert np.linalg.norm(first.sun) == pytest.approx(1) and first.haze > 0
        assert first.night == ('night' in name) and (first.rain > 0) == (first.wetness > 0) == ('rain' in name)
        assert first.lamps_on == (name not in ('day', 'rain')) and 0 <= first.rain <= 1


@pytest.mark.parametrize('condition', ['day', 'dusk', 'rain', 'night'])
def test_matt_surfaces_follow_lambert(condition):
    """A grey block, seen on its top and on two sides, against the irradiance worked out by hand."""
    paint = np.array([0.5, 0.4, 0.3])
    shot = bare_world(condition, box((2, 2, 2), (0, 0, 1), Surface(tuple(paint))))
    light = shot.world.light
    normals = np.array([[0, 0, 1], [1, 0, 0], [0, -1, 0]], float)
    starts = np.array([[0.3, 0.2, 5], [6, 0.3, 1.2], [0.3, -6, 1.2]])
    rays = np.ascontiguousarray(-normals.T.astype(np.float32))
    view = View(shot, np.ascontiguousarray(starts.T), rays, shot.cast(starts, rays.T), 1e-3)
    colour = radiance(view, np.ones(3, np.float32)).T
    for got, normal in zip(colour, normals):
        ambient = light.sky * (1 + normal[2]) / 2 + light.bounce * (1 - normal[2]) / 2
        expected = paint * (ambient + light.sun_colour * max(normal @ light.sun, 0))
        np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_a_street_lamp_falls_off_with_cosine_and_square():
    """At 7 m above level ground: (44 / r^2) cos, in a cone, fading towards 30 m."""
    shot = bare_world('night', box((400, 400, 1), (0, 0, -0.5), Surface((0.5, 0.5, 0.5))), [[0.0, 0, 7]])
    away = np.array([0.0, 4.0, 9.0, 15.0, 29.0, 40.0])
    points = np.stack([-0 * away, away, 0 * away]).astype(np.float32)
    up = np.repeat(np.float32([[0], [0], [1]]), len(away), 1)
    square = 49 + away**2
    cosine = 7 / np.sqrt(square)
    expected = 44 / square * cosine * np.minimum(2.2 * cosine, 1) * np.maximum(1 - (square / 900) ** 2, 0)
    received = illuminate(shot, points, up)
    np.testing.assert_allclose(received[0], expected, rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(received[1] / np.maximum(received[0], 1e-9), 0.70 * (expected > 0), atol=1e-3)
    assert not illuminate(shot, points, -up).any(), 'the underside stays dark'


def test_wet_ground_mirrors_a_lamp_where_angles_are_equal():
    """Camera 1.5 m high, lamp 7 m high, 17 m apart: the image lies 17 * 1.5 / 8.5 = 3 m ahead."""
    shot = bare_world('night rain', box((400, 400, 1), (0, 0, -0.5), Surface((0.1, 0.1, 0.1))), [[9.0, 0, 7]])
    across, ahead = np.linspace(-2, 2, 81), np.linspace(0.5, 16, 311)
    for x, y, middle, width in ((0 * across + 3, across, 40, 0.5), (ahead, 0 * ahead, 50, 1.5)):
        points = np.stack([x - 8, y, 0 * x]).astype(np.float32)
        rays = points - np.float32([[-8.0], [0], [1.5]])
        image = mirrored(shot, points, rays / np.linalg.norm(rays, axis=0))[0]
        line = y if y.any() else x
        assert line[image.argmax()] == pytest.approx(line[middle], abs=width)
        assert image.max() > 5 * max(image[0], image[-1]) and (image >= 0).all()


def test_lights_of_vehicles_are_on_by_night_only(world):
    kinds = {}
    light = world.light
    try:
        for name in CONDITIONS:
            world.light = CONDITIONS[name](np.random.default_rng(0))
            kinds[name] = Counter(source.kind for source in sources(Snapshot(world=world, time=0.0)))
    finally:
        world.light = light
    assert not kinds['day'] and not kinds['rain']
    for name in ('dusk', 'night', 'night rain'):
        assert kinds[name]['lamp'] > 4 and kinds[name]['head'] > 1 and kinds[name]['tail'] > 0


@pytest.mark.parametrize('scene', [0, 2, 4, 16])
def test_descriptions_name_what_is_there(preset, scene):
    world = _first_world(preset, scene)
    phrases = world.description().split(', ')
    condition = [word for word in ('Day', 'Dusk', 'Night', 'Rain') if word in phrases]
    assert ' '.join(condition).lower() == world.light.name
    times, ego = np.linspace(0, world.plan.duration, 40), world.plan.ego
    speeds = [np.linalg.norm(ego.velocity(time)) for time in times]
    assert any(phrase.startswith(('wait', 'stop')) for phrase in phrases) == (min(speeds) < 0.1)
    assert ('left bend' in phrases) == (world.plan.road.curvature > 0)
    assert ('road works in lane' in phrases) == world.plan.lane_closed
    near = [actor for actor in world.actors if _comes_near(actor, ego, times)]
    against = {actor.blueprint.name for actor in near if _against(actor, ego, times)}
    assert ('peds' in phrases) == ('pedestrian' in {actor.blueprint.name for actor in near})
    for kind in ('bus', 'truck'):
        assert (f'oncoming {kind}' in phrases) == (kind in against), phrases


def _first_world(preset, scene):
    for attempt in range(12):
        try:
            return build_world(preset, 0, scene, attempt)
        except RuntimeError:
            continue
    raise AssertionError('no street')


def _comes_near(actor, ego, times) -> bool:
    return np.linalg.norm((actor.track.pose(times) - ego.pose(times))[:, :2], axis=1).min() < 29.9


def _against(actor, ego, times) -> bool:
    yaw = ego.pose(times)[:, 3]
    along = [actor.track.velocity(time)[:2] @ [np.cos(a), np.sin(a)] for time, a in zip(times, yaw)]
    return min(along) < -1
