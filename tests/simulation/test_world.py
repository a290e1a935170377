"""Streets: as many actors as asked, none touching, all reproducible."""

import contextlib
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from shapely import STRtree
from shapely.geometry import Polygon

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES
from perception_kd.simulation import population, recording
from perception_kd.simulation.annotate import visibility_level, visible_shares
from perception_kd.simulation.pace import STANDING, STEADY, slowing, stopping
from perception_kd.simulation.plan import Plan, draw_plan
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.road import KERB, Road, Track
from perception_kd.simulation.roadside import furnish
from perception_kd.simulation.sensors.rig import build_rig
from perception_kd.simulation.stamp import world_stamp
from perception_kd.simulation.town import BLOCK, allot, block_side, map_mask, outline
from perception_kd.simulation.world import SCENERY, build_world


def _outline(actor, time):
    centre, (length, width, _), yaw = actor.box(time)
    corners = np.array([[1, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]) * [length / 2, width / 2, 0]
    return Polygon((corners @ yaw_matrix(yaw).T + centre)[:, :2])


def test_counts_categories_and_attributes(world, preset):
    assert Counter(actor.blueprint.name for actor in world.actors) == Counter(preset.counts)
    assert len({actor.key for actor in world.actors}) == len(world.actors)
    assert {actor.blueprint.category for actor in world.actors} <= set(CATEGORIES)
    attributes = {actor.attribute(0.0) for actor in world.actors}
    assert attributes - {''} <= set(ATTRIBUTES) and 'vehicle.moving' in attributes
    for actor in world.actors:
        if actor.attribute(0.0) in ('vehicle.parked', 'vehicle.stopped', 'pedestrian.standing'):
            assert not actor.track.velocity(0.0).any()


def _ego_outline(world, time):
    corners = np.array([[4.0, 0.95, 0], [4.0, -0.95, 0], [-1.0, -0.95, 0], [-1.0, 0.95, 0]])
    pose = world.ego_pose(time)
    return Polygon((corners @ pose[:3, :3].T + pose[:3, 3])[:, :2])


@pytest.fixture(scope='module')
def streets(preset):
    """Streets as they come: ten scenes of one seed."""
    return [_first_street(preset, scene) for scene in range(10)]


def _first_street(preset, scene):
    for attempt in range(5):
        with contextlib.suppress(RuntimeError):
            return build_world(preset, 5, scene, attempt)
    pytest.fail('five streets in a row have no room')


def test_nothing_ever_touches_anything(streets):
    for street in streets[:4]:
        for time in np.arange(-0.5, 4.55, 0.08):
            shapes = [_outline(actor, time) for actor in street.actors] + [_ego_outline(street, time)]
            pairs = STRtree(shapes).query(shapes, predicate='intersects')
            assert (pairs[0] == pairs[1]).all(), (time, pairs[:, pairs[0] != pairs[1]])


def test_actors_stay_clear_of_what_stands_beside_the_road(streets, preset):
    for scene, street in enumerate(streets[:3]):
        shapes = [_rectangle(row) for row in _obstacles(preset, scene, street)]
        assert len(shapes) > 40
        for time in np.arange(-0.5, 4.55, 0.25):
            pairs = STRtree(shapes).query([_outline(actor, time) for actor in street.actors], predicate='intersects')
            assert pairs.size == 0, (time, [street.actors[index].key for index in pairs[0]])
        assert len(street.lamps) > 10 and (np.abs(street.lamps[:, 2] - 7.25) < 0.1).all()


def _obstacles(preset, scene, street):
    """What ``furnish`` put beside this street."""
    for attempt in range(5):
        rng = np.random.default_rng([5, scene, 1, attempt])
        if draw_plan(preset, rng) == street.plan:
            return furnish(street.plan, rng).obstacles
    pytest.fail('the plan cannot be drawn again')


def _rectangle(row):
    x, y, yaw, half_length, half_width = row
    corners = np.array([[1, 1, 0], [1, -1, 0], [-1, -1, 0], [-1, 1, 0]]) * [half_length, half_width, 0]
    return Polygon((corners @ yaw_matrix(yaw).T)[:, :2] + [x, y])


def test_traffic_crosses_comes_towards_waits_and_starts(streets):
    seen = Counter()
    for street in streets:
        side = street.plan.road.mouth is not None
        ahead = street.ego_pose(0.0)[:3, 0]
        for actor in street.actors:
            if actor.blueprint.name not in ('car', 'truck', 'bus', 'motorcycle', 'bicycle'):
                continue
            track, start, end = actor.track, actor.track.moving(0.0), actor.track.moving(4.5)
            seen['crossing'] += side and track.road is not street.plan.road and track.moves
            seen['oncoming'] += track.moves and track.velocity(2.0) @ ahead < -2
            seen['waits'] += actor.in_traffic and not start
            seen['starts'] += bool(not start and end)
            seen['stops'] += bool(start and not end)
            seen['parked'] += actor.attribute(0.0) == 'vehicle.parked'
    assert min(seen[name] for name in ('crossing', 'oncoming', 'waits', 'starts', 'stops', 'parked')) >= 3, seen


def test_nobody_is_inside_the_crossroads_at_red(streets):
    """Ten streets, four times a second; who entered in time has one second to leave after the change."""
    inside = Counter()
    for street in streets:
        for actor in street.actors:
            track = actor.track
            if track.road.mouth is None or not track.moves or track.drift or abs(track.d) > track.road.half:
                continue
            main = track.road is street.plan.road
            for time in np.arange(0, 4.6, 0.25):
                if abs(float(track.road.along(*track.place(time)))) < track.road.mouth[1]:
                    red = [bool(street.plan.red(at)) == main for at in (time, time - 1.0)]
                    inside['main' if main else 'side', 'red' if all(red) else 'green'] += 1
    assert min(inside['main', 'green'], inside['side', 'green']) >= 3, inside
    assert not inside['main', 'red'] and not inside['side', 'red'], inside


def test_the_light_is_red_from_braking_to_starting_and_stays_green_where_nobody_stops():
    road = Road(0.0, -100, 150, 4.6, mouth=(15.0, 5.75))
    plan = Plan(road, Track(road, 0.0, -1.75, 6.0), 6.0, {}, frozenset({1}), (0.0, 1), False)
    for pace, expected in (
        (STEADY, [0, 0, 0, 0, 0]),
        (slowing(1.0, 1.0, 2.0, 1.0, 0.5), [0, 0, 0, 0, 0]),
        (STANDING, [1, 1, 1, 1, 1]),
        (stopping(1.0, 1.0, 2.0, 1.0), [0, 1, 1, 0, 0]),
    ):
        stopped = replace(plan, ego=replace(plan.ego, pace=pace))
        assert stopped.red(np.array([0.5, 1.5, 3.0, 4.5, 5.5])).tolist() == [bool(red) for red in expected], pace


def test_ego_vehicle_drives_waits_and_stands(streets):
    speeds = [[np.linalg.norm(street.ego_velocity(time)[0]) for time in np.arange(0, 4.6, 0.5)] for street in streets]
    assert any(min(drive) > 2 for drive in speeds), 'some drive on'
    assert any(min(drive) == 0 < max(drive) for drive in speeds), 'some stop or start'
    assert max(map(max, speeds)) <= 7.5
    steps = np.abs(np.diff(speeds, axis=1)) / 0.5
    assert steps.max() < 3.2, 'm/s2'


def test_speeds_are_believable(streets):
    fastest = {'pedestrian': 2.6, 'bicycle': 10.5, 'car': 10.5, 'truck': 10.5, 'bus': 10.5, 'motorcycle': 10.5}
    walking = []
    for street in streets:
        for actor in street.actors:
            speed = max(np.linalg.norm(actor.track.velocity(time)) for time in (0.0, 1.5, 3.0, 4.5))
            assert speed <= fastest.get(actor.blueprint.name, 10.5 if actor.in_traffic else 0.0), actor.key
            walking += [speed] if actor.blueprint.name == 'pedestrian' and speed else []
    assert 1.0 < np.mean(walking) < 1.6 and len(walking) > 30


def test_cars_park_in_rows(streets):
    gaps = []
    for street in streets:
        parked = [actor for actor in street.actors if actor.blueprint.name == 'car' and not actor.track.moves
                  and actor.track.road is street.plan.road and 7.5 < abs(actor.track.d) < KERB]  # fmt: skip
        for side in (-1, 1):
            row = sorted((a.track.s, a.blueprint.size[0]) for a in parked if a.track.d * side > 0)
            gaps += [b[0] - a[0] - (a[1] + b[1]) / 2 for a, b in pairwise(row)]
    assert np.sum((np.array(gaps) > 0.3) & (np.array(gaps) < 2.0)) > 20


def test_people_walk_and_their_boxes_hold_them(world):
    walkers = [a for a in world.actors if a.blueprint.name == 'pedestrian' and a.track.moves]
    assert len(walkers) >= 3
    for actor in walkers:
        for time in np.arange(0, 4.5, 0.17):
            centre, size, yaw = actor.box(time)
            local = (actor.vertices(time) - centre) @ yaw_matrix(yaw)
            assert (np.abs(local) <= size / 2 + 2e-3).all(), actor.key
    walker = next(a for a in walkers if a.track.moving(1.0) and a.track.moving(1.3))
    shapes = [walker.vertices(time) - walker.vertices(time)[0] for time in (1.0, 1.3)]
    assert np.abs(shapes[0] - shapes[1]).max() > 0.05


def test_mesh_stays_inside_the_annotated_box(world):
    offsets = np.cumsum(
        [len(world.scenery.vertices)] + [len(a.blueprint.mesh.vertices) for a in world.actors]
    )
    vertices = world.vertices(2.0)
    for actor, first, last in zip(world.actors, offsets[:-1], offsets[1:]):
        centre, size, yaw = actor.box(2.0)
        local = (vertices[first:last] - centre) @ yaw_matrix(yaw)
        assert (np.abs(local) <= size / 2 + 2e-3).all(), actor.key
    assert (world.owner == SCENERY).sum() == len(world.scenery.triangles)


def test_same_arguments_same_world_and_other_seed_other_world(world, preset):
    again, other = build_world(preset, 0, 0), build_world(preset, 1, 0)
    np.testing.assert_array_equal(again.vertices(1.0), world.vertices(1.0))
    assert again.description() == world.description() != other.description()


def test_ego_pose_and_velocity_agree(world):
    step = 1e-4
    ahead, behind = world.ego_pose(1 + step), world.ego_pose(1 - step)
    velocity, yaw_rate = world.ego_velocity(1.0)
    np.testing.assert_allclose((ahead - behind)[:3, 3] / (2 * step), velocity, atol=1e-4)
    turned = ahead[:3, :3] @ behind[:3, :3].T
    assert np.arctan2(turned[1, 0], turned[0, 0]) / (2 * step) == pytest.approx(yaw_rate, abs=1e-6)


def test_visibility_levels(snapshot, rig):
    shares = np.array([0, 0.4, 0.41, 0.6, 0.61, 0.8, 0.81, 1.0])
    assert [visibility_level(share) for share in shares] == [1, 1, 2, 2, 3, 3, 4, 4]
    seen = visible_shares(snapshot, list(rig.values()))
    assert seen.shape == (len(snapshot.world.actors),) and seen.min() == 0 and seen.max() > 0.9
    blind = visible_shares(snapshot, [rig['LIDAR_TOP']])
    assert not blind.any()


def test_presets_grow_up_to_nuscenes():
    tiny, small, full = (get_preset(name) for name in ('tiny', 'small', 'full'))
    assert full.image_size == (1600, 900) and full.duration == 19.5 and full.lidar_azimuths == 1085
    for fewer, more in ((tiny, small), (small, full)):
        assert fewer.duration < more.duration and fewer.image_size < more.image_size
        assert all(fewer.counts[name] <= more.counts[name] for name in fewer.counts)
    assert block_side(tiny) == BLOCK and block_side(full) >= 12 * 19.5
    principal = build_rig((1600, 900))[0].intrinsic[:2, 2]
    np.testing.assert_allclose(principal, [800, 491], atol=1)  # As in nuScenes; flatter images are crops of it.
    assert build_rig((1600, 582))[0].intrinsic[1, 2] == pytest.approx(0.36 * 582, abs=4)


def test_a_street_that_is_too_small_says_so(rig, preset, monkeypatch):
    monkeypatch.setattr(population, '_TRIES', 25)
    monkeypatch.setattr(recording, '_ATTEMPTS', 2)
    crowded = replace(preset, counts={**preset.counts, 'bus': 200})
    with pytest.raises(RuntimeError, match='no room for another bus'):
        build_world(crowded, 0, 0)
    unseen = replace(
        preset,
        key_frames=1,
        counts={**dict.fromkeys(preset.counts, 0), 'car': 1},
    )
    with pytest.raises(RuntimeError, match='scene 0 of seed 0: no street shows every class: car'):
        recording.record(unseen, list(rig.values()), 0, 0)


def test_stamp_names_preset_and_seed(preset):
    stamps = {world_stamp(get_preset('tiny'), 0), world_stamp(get_preset('tiny'), 1), world_stamp(preset, 0)}
    assert len(stamps) == 3 and all(stamp.startswith('tiny-seed') for stamp in stamps)
    assert world_stamp(preset, 0) == world_stamp(preset, 0)
    with pytest.raises(ValueError, match=r'unknown preset .huge.; there are: tiny'):
        get_preset('huge')


def test_map_shows_the_road_under_the_ego_vehicle(world):
    lots = [allot(0, scene) for scene in (0, 5)]
    mask = map_mask(lots, [outline(world.plan.road, lot) for lot in lots])
    assert mask.shape == (2 * BLOCK / 0.1, 2 * BLOCK / 0.1)
    for lot in lots:
        x, y, _ = (lot.to_global @ world.ego_pose(2.0))[:3, 3]
        assert mask[mask.shape[0] - 1 - int(y / 0.1), int(x / 0.1)] == 255
    assert 0.02 < (mask > 0).mean() < 0.3


def test_map_shows_the_side_street(streets):
    road = next(street.plan.road for street in streets if street.plan.road.mouth)
    lot = allot(0, 0)
    mask = map_mask([lot], [outline(road, lot)])
    for s, d, expected in ((40.0, 3.0, 255), (-40.0, -5.0, 255), (40.0, 8.0, 0), (0.0, 0.0, 255)):
        x, y, _, _ = lot.to_global @ [*(float(value) for value in road.side_street().to_world(s, d)[:2]), 0, 1]
        assert mask[mask.shape[0] - 1 - int(y / 0.1), int(x / 0.1)] == expected
