"""Streets: as many actors as asked, none touching, all reproducible."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from shapely.geometry import Polygon

from perception_kd.datasets.nuscenes.vocabulary import ATTRIBUTES, CATEGORIES
from perception_kd.simulation import population
from perception_kd.simulation.annotate import visibility_level, visible_shares
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.recording import record, schedule
from perception_kd.simulation.stamp import world_stamp
from perception_kd.simulation.town import BLOCK, allot, map_mask, outline
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


def test_no_two_actors_ever_touch(world):
    for time in (0.0, 1.3, 2.7, 4.5):
        shapes = [_outline(actor, time) for actor in world.actors]
        for i, one in enumerate(shapes):
            assert not any(one.intersects(other) for other in shapes[:i]), (time, world.actors[i].key)


def test_mesh_stays_inside_the_annotated_box(world):
    offsets = np.cumsum(
        [len(world.scenery.vertices)] + [len(a.blueprint.mesh.vertices) for a in world.actors]
    )
    vertices = world.vertices(2.0)
    for actor, first, last in zip(world.actors, offsets[:-1], offsets[1:]):
        centre, size, yaw = actor.box(2.0)
        local = (vertices[first:last] - centre) @ yaw_matrix(yaw)
        assert (np.abs(local) <= size / 2 + 1e-3).all(), actor.key
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


def test_schedule_leads_up_to_key_frames(preset):
    instants = schedule(preset)
    assert sum(instant.is_key for instant in instants) == preset.key_frames
    assert len(instants) == preset.key_frames * (1 + 1 + 2)
    for instant in instants:
        wait = instant.key_frame * preset.key_interval - instant.time
        assert (wait == 0) == instant.is_key and 0 <= wait < preset.key_interval


def test_a_street_that_is_too_small_says_so(rig, preset, monkeypatch):
    monkeypatch.setattr(population, '_TRIES', 25)
    crowded = replace(preset, counts={**preset.counts, 'bus': 200})
    with pytest.raises(RuntimeError, match='no room for another bus'):
        build_world(crowded, 0, 0)
    unseen = replace(
        preset,
        key_frames=1,
        counts={**dict.fromkeys(preset.counts, 0), 'car': 1},
    )
    with pytest.raises(RuntimeError, match='scene 0 of seed 0: no street shows every class: car'):
        record(unseen, list(rig.values()), 0, 0)


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
