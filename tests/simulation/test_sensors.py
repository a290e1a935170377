"""What the cameras see, against the world that they look at."""

import numpy as np
import pytest

from perception_kd.simulation.annotate import visible_shares
from perception_kd.simulation.patterns import comb, stripe
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.sensors import camera
from tests.simulation.streets import lone_actor

SOLID = {'car', 'bus', 'trailer', 'truck', 'pedestrian', 'barrier'}


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


def test_lines_fade_to_their_share_of_the_pixel():
    x, sharp, coarse = np.linspace(-1, 1, 2001), np.full(2001, 1e-3), np.full(2001, 5.0)
    assert stripe(x, 0.0, 0.5, sharp).mean() == pytest.approx(0.25, abs=0.002)
    assert stripe(x, 0.0, 0.5, coarse).max() == pytest.approx(0.1)
    assert comb(10 * x, 2.0, 0.5, sharp).mean() == pytest.approx(0.25, abs=0.005)
    np.testing.assert_allclose(comb(10 * x, 2.0, 0.5, coarse), 0.25)
