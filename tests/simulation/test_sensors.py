"""What each sensor measures, against the world that it looks at."""

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.simulation import scenery
from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.actors.catalogue import draw
from perception_kd.simulation.annotate import visible_shares
from perception_kd.simulation.light import daylight
from perception_kd.simulation.patterns import comb, stripe
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.sensors import camera, lidar, radar
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World
from perception_kd.simulation.zones import Plan

COLUMN = {name: index for index, name in enumerate(RADAR_FIELDS)}
SOLID = {'car', 'bus', 'trailer', 'truck', 'pedestrian', 'barrier'}


def lone_actor(name: str, track: Track, ego: Track) -> Snapshot:
    """A street with one actor and nothing else that a radar could see."""
    plan = Plan(ego.road, ego, 4.5, {}, frozenset({1}), (0.0, 1), False)
    actor = Actor('only', draw(name, np.random.default_rng(0)), track)
    world = World(plan, [actor], daylight(np.random.default_rng(0)), scenery.ground(ego.road, {1}))
    return Snapshot(world=world, time=0.7)


def crossing_of_box(origin, ray, centre, size, yaw):
    """Distances at which a ray enters and leaves a box, or None (slab method)."""
    turn = yaw_matrix(yaw)
    start, way = (origin - centre) @ turn, ray @ turn
    ends = np.stack([(-size / 2 - start) / way, (size / 2 - start) / way])
    near, far = ends.min(0).max(), ends.max(0).min()
    return (near, far) if near < far else None


def test_box_centres_are_where_the_camera_sees_the_object(snapshot, rig):
    """Along the ray to a box centre the camera meets the object, or something in front of it."""
    shares = visible_shares(snapshot, list(rig.values()))
    checked = met = 0
    for mount in rig.values():
        if mount.modality != 'camera':
            continue
        origin, rays, hits = camera.look(snapshot, mount)
        to_camera = np.linalg.inv(snapshot.world.ego_pose(snapshot.time) @ mount.to_ego)
        for index, actor in enumerate(snapshot.world.actors):
            centre, size, yaw = actor.box(snapshot.time)
            local = to_camera[:3, :3] @ centre + to_camera[:3, 3]
            u, v, depth = *(mount.intrinsic @ local)[:2] / local[2], local[2]
            column, row = int(np.floor(u)), int(np.floor(v))
            width, height = mount.size
            if (
                actor.blueprint.name not in SOLID
                or depth < 1
                or not (0 <= column < width and 0 <= row < height)
            ):
                continue
            pixel = row * width + column
            span = crossing_of_box(origin, rays[pixel].astype(float), centre, size, yaw)
            if span is None or np.hypot(*local[[0, 2]]) > 40:
                continue  # The pixel's centre passes beside a box that is smaller than a pixel.
            checked += 1
            assert hits.distance[pixel] <= span[1] + 0.02, f'{actor.key} is not drawn at its centre'
            if snapshot.owner(hits.chosen(np.array([pixel])))[0] == index:
                met += 1
                assert hits.distance[pixel] >= span[0] - 0.02
            else:
                assert shares[index] < 0.97, f'{actor.key} is in full view but something else is drawn'
    assert checked > 20 and met > 8


def test_picture_has_sky_above_street_below_and_noise(snapshot, rig):
    mount = rig['CAM_BACK']
    image = camera.render(snapshot, mount, np.random.default_rng(0))
    assert image.shape == (64, 176, 3) and image.dtype == np.uint8
    np.testing.assert_array_equal(image, camera.render(snapshot, mount, np.random.default_rng(0)))
    assert (image != camera.render(snapshot, mount, np.random.default_rng(1))).any()
    _, _, hits = camera.look(snapshot, mount)
    sky = image.reshape(-1, 3)[~hits.found].astype(float)
    road = image[-12:].reshape(-1, 3).astype(float)
    assert (sky[:, 0] > sky[:, 2]).mean() > 0.9, 'a blue sky (BGR)'
    assert sky.mean() > road.mean() + 30


def test_shadows_are_darker_than_sunlit_road(rig):
    road = Road(0.0, -100, 150, 60)
    shot = lone_actor('bus', Track(road, 14.0, -1.75), Track(road, 0.0, -1.75))
    mount = rig['CAM_FRONT']
    image = camera.render(shot, mount, np.random.default_rng(0)).mean(2).ravel()
    origin, rays, hits = camera.look(shot, mount)
    points = origin + rays * np.where(hits.found, hits.distance, 0)[:, None]
    asphalt = hits.found & (np.abs(points[:, 2]) < 1e-3) & (np.abs(points[:, 1] + 1.75) < 1.2)
    sun = np.broadcast_to(shot.world.light.sun, points.shape)
    dark = shot.blocked(points + [0, 0, 0.01], sun)
    shadow, lit = image[asphalt & dark], image[asphalt & ~dark]
    assert len(shadow) > 20 and len(lit) > 20
    assert np.median(shadow) < 0.8 * np.median(lit)


def test_pixel_rays_project_back_onto_their_pixels(rig):
    mount = rig['CAM_FRONT_LEFT']
    rays = camera.pixel_rays(mount).astype(float)
    u, v, w = mount.intrinsic @ rays.T
    width, height = mount.size
    np.testing.assert_allclose(u / w, np.tile(np.arange(width) + 0.5, height), atol=1e-3)
    np.testing.assert_allclose(v / w, np.repeat(np.arange(height) + 0.5, width), atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(rays, axis=1), 1, atol=1e-6)


def test_rig_looks_where_nuscenes_looks(rig):
    assert len(rig) == 12
    ahead = {channel: mount.to_ego[:3, :3] @ [0, 0, 1] for channel, mount in rig.items() if 'CAM' in channel}
    assert ahead['CAM_FRONT'] == pytest.approx([1, 0, 0]) and ahead['CAM_BACK'] == pytest.approx([-1, 0, 0])
    assert ahead['CAM_FRONT_LEFT'][1] > 0.5 and ahead['CAM_BACK_RIGHT'][1] < -0.5
    np.testing.assert_allclose(rig['LIDAR_TOP'].to_ego[:3, :3] @ [0, 1, 0], [1, 0, 0], atol=1e-12)
    for mount in rig.values():
        np.testing.assert_allclose(mount.to_ego[:3, :3] @ mount.to_ego[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(mount.to_ego[:3, :3]) == pytest.approx(1)


def test_lidar_points_lie_on_surfaces(snapshot, rig, preset):
    points = lidar.scan(snapshot, rig['LIDAR_TOP'], preset, np.random.default_rng(0))
    assert points.dtype == np.float32 and points.shape[1] == 5 and 8000 < len(points) <= 720 * 32
    xyz, intensity, ring = points[:, :3].astype(float), points[:, 3], points[:, 4]
    assert intensity.min() >= 0 and intensity.max() <= 255 and (intensity == np.round(intensity)).all()
    assert len(np.unique(intensity)) > 60
    distance = np.linalg.norm(xyz, axis=1)
    elevation = np.rad2deg(np.arcsin(xyz[:, 2] / distance))
    expected = lidar.LOWEST + ring * (lidar.HIGHEST - lidar.LOWEST) / 31
    np.testing.assert_allclose(elevation, expected, atol=0.01)
    to_world = snapshot.world.ego_pose(snapshot.time) @ rig['LIDAR_TOP'].to_ego
    rays = (xyz / distance[:, None]) @ to_world[:3, :3].T
    again = snapshot.cast(to_world[:3, 3], rays.astype(np.float32))
    error = np.abs(again.distance - distance)
    assert np.quantile(error, 0.99) < 0.08 and 0.01 < error[error < 0.2].std() < 0.03
    assert distance.max() < preset.lidar_range + 0.2


def test_lidar_intensity_follows_material_incidence_and_range():
    rng = np.random.default_rng(0)
    near, grazing, far, retro = (
        lidar._returned(np.full(400, r), np.full(400, s), np.full(400, d), rng).mean()
        for r, s, d in ((0.5, 1.0, 10.0), (0.5, 0.2, 10.0), (0.5, 1.0, 60.0), (1.0, 0.3, 10.0))
    )
    assert near > 3 * grazing and near > 1.2 * far and retro > 2 * near


@pytest.mark.parametrize('curvature', [0.0, 1 / 90])
@pytest.mark.parametrize(('speed', 'drift'), [(0.0, 0.0), (9.0, 0.0), (-6.0, 0.0), (0.0, 3.0)])
def test_radar_velocities_are_radial_and_compensated(rig, preset, curvature, speed, drift):
    road = Road(curvature, -100, 150, 60)
    ego, track = Track(road, 0.0, -1.75, 6.0), Track(road, 14.0, 3.0, speed, drift)
    shot = lone_actor('car', track, ego)
    mount = rig['RADAR_FRONT']
    cloud = np.concatenate(
        [radar.sweep(shot, mount, preset, np.random.default_rng(seed)) for seed in range(6)], 1
    )
    real = cloud[:, cloud[COLUMN['invalid_state']] != 12]
    assert real.shape[1] >= 12
    to_world = shot.world.ego_pose(shot.time) @ mount.to_ego
    into_radar = to_world[:3, :3].T
    ray = real[:2] / np.linalg.norm(real[:2], axis=0)
    truth = (into_radar @ track.velocity(shot.time))[:2] @ ray
    own = _sensor_velocity(shot, mount)
    relative = truth - (into_radar @ own)[:2] @ ray
    compensated, raw = real[[COLUMN['vx_comp'], COLUMN['vy_comp']]], real[[COLUMN['vx'], COLUMN['vy']]]
    np.testing.assert_allclose(compensated, truth * ray, atol=0.45)
    np.testing.assert_allclose(raw, relative * ray, atol=0.55)
    assert np.abs(compensated[0] * ray[1] - compensated[1] * ray[0]).max() < 0.2, 'along the ray'
    moving = np.isin(real[COLUMN['dyn_prop']], [0, 2])
    assert (moving == (np.abs(truth) > 0.5))[np.abs(np.abs(truth) - 0.5) > 0.4].all()


def _sensor_velocity(shot: Snapshot, mount) -> np.ndarray:
    step = 1e-4
    ahead, behind = (shot.world.ego_pose(shot.time + x) @ mount.to_ego for x in (step, -step))
    return (ahead - behind)[:3, 3] / (2 * step)


def test_radar_fields_are_plausible(snapshot, rig, preset):
    counts = []
    for seed, channel in enumerate(name for name in rig if name.startswith('RADAR')):
        cloud = radar.sweep(snapshot, rig[channel], preset, np.random.default_rng(seed))
        counts.append(cloud.shape[1])
        field = {name: cloud[index] for name, index in COLUMN.items()}
        assert cloud.shape[0] == 18 and not field['z'].any()
        for name, step in (('x', 0.2), ('y', 0.2), ('vx', 0.25), ('vy', 0.25), ('rcs', 0.5)):
            np.testing.assert_allclose(field[name] / step, np.round(field[name] / step), atol=1e-6)
        assert np.abs(np.arctan2(field['y'], field['x'])).max() < np.deg2rad(66)
        assert set(field['dyn_prop']) <= set(range(8)) and set(field['ambig_state']) <= {1, 3}
        assert set(field['invalid_state']) <= {0, 4, 12} and set(field['pdh0']) <= set(range(1, 8))
        assert (field['ambig_state'] == 3).mean() > 0.8 and (field['invalid_state'] == 0).mean() > 0.7
        assert field['rcs'].min() >= -20 and field['rcs'].max() <= 50
    assert max(counts) <= radar.MAX_RETURNS and min(counts) > 8


def test_radar_finds_vehicles_more_often_than_cones(rig, preset):
    road = Road(0.0, -100, 150, 60)
    found = {}
    for name in ('bus', 'pedestrian', 'traffic_cone'):
        shot = lone_actor(name, Track(road, 25.0, -1.75), Track(road, 0.0, -1.75))
        clouds = [
            radar.sweep(shot, rig['RADAR_FRONT'], preset, np.random.default_rng(seed)) for seed in range(8)
        ]
        found[name] = np.mean([(cloud[COLUMN['invalid_state']] != 12).sum() for cloud in clouds])
    assert found['bus'] > found['pedestrian'] >= found['traffic_cone']


def test_radar_with_nothing_in_view_gives_an_empty_sweep(rig, preset):
    road = Road(0.0, -100, 150, 60)
    shot = lone_actor('car', Track(road, 40.0, -1.75), Track(road, 0.0, -1.75))
    clouds = [
        radar.sweep(shot, rig['RADAR_BACK_LEFT'], preset, np.random.default_rng(seed)) for seed in range(24)
    ]
    counts = {cloud.shape[1] for cloud in clouds}
    assert counts == {0, 1, 2}, 'false alarms at most'


def test_lines_fade_to_their_share_of_the_pixel():
    x, sharp, coarse = np.linspace(-1, 1, 2001), np.full(2001, 1e-3), np.full(2001, 5.0)
    assert stripe(x, 0.0, 0.5, sharp).mean() == pytest.approx(0.25, abs=0.002)
    assert stripe(x, 0.0, 0.5, coarse).max() == pytest.approx(0.1)
    assert comb(10 * x, 2.0, 0.5, sharp).mean() == pytest.approx(0.25, abs=0.005)
    np.testing.assert_allclose(comb(10 * x, 2.0, 0.5, coarse), 0.25)
