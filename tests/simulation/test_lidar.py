"""The LiDAR: points on surfaces, intensity and drop-out by material and range, glass, glare, rain."""

from dataclasses import replace

import numpy as np
import pytest

from perception_kd.simulation.light import daylight
from perception_kd.simulation.materials import CONCRETE
from perception_kd.simulation.mesh import Surface
from perception_kd.simulation.primitives import box
from perception_kd.simulation.road import Track
from perception_kd.simulation.sensors import lidar
from perception_kd.simulation.sensors.lidar import artefacts, optics
from perception_kd.simulation.sensors.lidar.optics import Returns
from tests.simulation.streets import STRAIGHT, lone_actor, street, void


def scanned(shot, rig, preset, seed=0):
    """A turn in the world frame: places (N, 3), intensity, distance."""
    mount = rig['LIDAR_TOP']
    points = lidar.scan(shot, mount, preset, np.random.default_rng(seed)).astype(float)
    to_world = shot.world.ego_pose(shot.time) @ mount.to_ego
    return points[:, :3] @ to_world[:3, :3].T + to_world[:3, 3], points[:, 3], np.linalg.norm(points[:, :3], axis=1)


def turn(distance, intensity, found=True):
    """(columns, 1) returns."""
    shape = (len(distance), 1)
    return Returns(np.reshape(distance, shape).astype(float), np.reshape(intensity, shape).astype(float),
                   np.broadcast_to(np.reshape(found, (-1, 1)), shape).copy())  # fmt: skip


def test_points_lie_on_surfaces(snapshot, rig, preset):
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
    assert np.quantile(error, 0.95) < 0.08 and 0.01 < error[error < 0.2].std() < 0.03
    assert distance.max() < preset.lidar_range + 0.2


def test_intensity_follows_material_incidence_and_range():
    def mean(reflectivity, slant, distance, rain=0.0):
        return float(optics.returned(*np.array([[reflectivity], [slant], [distance]]), rain)[0])

    near, grazing, far = mean(0.5, 1.0, 10.0), mean(0.5, 0.2, 10.0), mean(0.5, 1.0, 60.0)
    assert near > 2 * grazing and near > 1.2 * far and mean(1.0, 0.3, 10.0) > 2 * near
    assert mean(0.5, 1.0, 60.0, rain=1.0) == pytest.approx(far * np.exp(-2 * 0.012 * 60))
    assert optics.matt_share(np.array([1.0, 0.2]), np.array([0.12, 0.12])) == pytest.approx([1, 0.712])
    steep, flat = optics.wet_share(np.array([0.9, 0.1]), 1.0)
    assert steep > 3 * flat and optics.wet_share(np.array([0.1]), 0.0) == pytest.approx(1)


def detection_rate(rig, preset, distance, reflectivity, gloss=0.0, clear=0.0, light=None):
    """Share of the rays towards a wall across the road that come back from it."""
    surface = Surface((0.1, 0.1, 0.1), reflectivity, 0.2, gloss, clear=clear)
    shot = street([], walls=(box((0.5, 30, 4), (distance, -1.75, 2), surface),), light=light)
    place, _, _ = scanned(shot, rig, preset)
    came = (np.abs(place[:, 0] - (distance - 0.25)) < 0.15) & (place[:, 2] > 0.3)
    white = replace(surface, reflectivity=1.0, gloss=0.0, clear=0.0)
    solid = street([], walls=(box((0.5, 30, 4), (distance, -1.75, 2), white),))
    all_place, _, _ = scanned(solid, rig, preset)
    could = (np.abs(all_place[:, 0] - (distance - 0.25)) < 0.15) & (all_place[:, 2] > 0.3)
    return came.sum() / could.sum()


def test_dark_glassy_and_distant_surfaces_drop_out(rig, preset):
    near, far = (detection_rate(rig, preset, distance, 0.04) for distance in (12.0, 55.0))
    bright = detection_rate(rig, preset, 55.0, 0.6)
    assert near > 0.9 > 0.6 > far and bright > 0.9
    glass = detection_rate(rig, preset, 12.0, 0.06, gloss=0.55, clear=0.7)
    assert glass < 0.5 * near
    rain = replace(daylight(np.random.default_rng(0)), rain=1.0)
    assert detection_rate(rig, preset, 55.0, 0.3, light=rain) < detection_rate(rig, preset, 55.0, 0.3) - 0.1


def test_light_that_passes_panes_shows_what_is_behind(rig, preset):
    """A concrete wall seen through a pane 5 m in front of it; none of it through an opaque one."""
    wall = box((0.5, 8, 4), (20, -1.75, 2), CONCRETE)
    counts, brightness = {}, {}
    for clear in (0.0, 0.7):
        pane = box((0.02, 8, 3.9), (15, -1.75, 1.95), Surface((0, 0, 0), 0.06, 0.1, 0.55, clear=clear))
        place, intensity, _ = scanned(street([], walls=(wall, pane)), rig, preset)
        behind = (np.abs(place[:, 0] - 19.75) < 0.1) & (np.abs(place[:, 1] + 1.75) < 3) & (place[:, 2] < 3)
        counts[clear], brightness[clear] = behind.sum(), intensity[behind]
    free, bright, _ = scanned(street([], walls=(wall,)), rig, preset)
    seen = (np.abs(free[:, 0] - 19.75) < 0.1) & (np.abs(free[:, 1] + 1.75) < 3) & (free[:, 2] < 3)
    # A box of glass has two panes; each passes 70 %, and dims what comes back.
    assert counts[0.0] == 0 and counts[0.7] / seen.sum() == pytest.approx(0.49, abs=0.12)
    assert brightness[0.7].mean() < 0.4 * bright[seen].mean()


def test_retro_reflectors_bloom():
    before = turn([20, 10, 20, 20], [30, 250, 30, 30], [True, True, True, False])
    grown = np.zeros(4)
    for seed in range(300):
        after = turn(before.distance, before.intensity, before.found)
        artefacts.bloom(after, np.random.default_rng(seed))
        grown += after.distance[:, 0] == 10
    assert grown[1] == 300 and grown[3] == 0
    np.testing.assert_allclose(grown[[0, 2]] / 300, 0.3, atol=0.1)


def test_beams_on_an_edge_mix_two_ranges():
    mixed = turn(np.where(np.arange(4000) % 2, 10.0, 12.0), np.full(4000, 50))
    artefacts.mix_edges(mixed, np.random.default_rng(0))
    changed = ~np.isin(mixed.distance, (10, 12))
    assert 0.02 < changed.mean() < 0.1
    assert mixed.distance.min() >= 10 and mixed.distance.max() <= 12
    whole = turn(np.full(4000, 10.0), np.full(4000, 50))
    artefacts.mix_edges(whole, np.random.default_rng(0))
    assert (whole.distance == 10).all()


def test_rain_takes_returns_and_adds_drops(snapshot, rig, preset):
    dry = street([], light=replace(snapshot.world.light, rain=0.0, wetness=0.0))
    counts, close = {}, {}
    for rain in (0.0, 0.5, 1.0):
        dry.world.light = replace(dry.world.light, rain=rain, wetness=rain)
        place, _, distance = scanned(dry, rig, preset)
        counts[rain], close[rain] = (distance > 3.5).sum(), (distance < 3.0).sum()
        assert np.isfinite(place).all()
    assert counts[0.0] > 1.02 * counts[0.5] > 1.04 * counts[1.0]
    assert close[0.0] == 0 and close[1.0] > close[0.5] > 20


def test_far_vehicles_return_less(rig, preset):
    rates = []
    for distance in (15.0, 30.0, 55.0):
        shots = [lone_actor('car', Track(STRAIGHT, distance, 5.0), seed=seed) for seed in range(4)]
        rates.append(np.mean([np.sum(scanned(shot, rig, preset)[0][:, 2] > 0.25) for shot in shots]))
    assert rates[0] > 2.5 * rates[1] > 5 * rates[2]


def test_nothing_in_view_gives_an_empty_turn(rig, preset):
    points = lidar.scan(void(), rig['LIDAR_TOP'], preset, np.random.default_rng(0))
    assert points.shape == (0, 5) and points.dtype == np.float32
