"""The radar: what it reports against the world, against mirror images made by hand, and against itself."""

from dataclasses import replace

import numpy as np
import pytest

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS, read_radar_pcd, write_radar_pcd
from perception_kd.simulation.light import daylight
from perception_kd.simulation.materials import STEEL
from perception_kd.simulation.primitives import box
from perception_kd.simulation.road import Road, Track
from perception_kd.simulation.sensors import radar
from perception_kd.simulation.sensors.radar import echoes as e
from perception_kd.simulation.sensors.radar import paths, report, states
from perception_kd.simulation.sensors.radar.detection import Detections, detect, signal_to_noise
from perception_kd.simulation.sensors.radar.echoes import Echoes
from perception_kd.simulation.snapshot import Snapshot
from tests.simulation.streets import EGO, STRAIGHT, actor, lone_actor, street, void

COLUMN = {name: index for index, name in enumerate(RADAR_FIELDS)}
VALID_CODES = {0, 4, 8, 9, 10, 11, 12, 15, 16, 17}
INVALID_CODES = {1, 2, 3, 6, 7, 14}


def watch(shot, mount, preset, sweeps=8):
    """Many measurements of one instant: the reported columns, and the echoes behind them."""
    taken = [radar.observe(shot, mount, preset, np.random.default_rng(seed)) for seed in range(sweeps)]
    cloud = np.concatenate([points for points, _ in taken], 1)
    return {name: cloud[index] for name, index in COLUMN.items()}, e.join([echoes for _, echoes in taken])


def default_filter(field):
    """What nuscenes-devkit keeps if nobody changes its filters."""
    return (field['invalid_state'] == 0) & (field['dyn_prop'] < 7) & (field['ambig_state'] == 3)


def sensor_velocity(shot: Snapshot, mount) -> np.ndarray:
    step = 1e-4
    ahead, behind = (shot.world.ego_pose(shot.time + x) @ mount.to_ego for x in (step, -step))
    return (ahead - behind)[:3, 3] / (2 * step)


def handmade(**columns) -> Echoes:
    """Echoes that stand straight ahead, but for what is given."""
    count = len(columns['range'])
    fields = dict.fromkeys(('azimuth', 'elevation', 'rate', 'along', 'across'), np.zeros(count))
    fields |= {'power': np.ones(count), 'owner': np.full(count, -1), 'cause': np.zeros(count, int)}
    given = {name: np.asarray(value) for name, value in columns.items()}
    return Echoes(**(fields | {'shared': np.zeros(count, bool)} | given))


@pytest.mark.parametrize('curvature', [0.0, 1 / 90])
@pytest.mark.parametrize(('speed', 'drift'), [(0.0, 0.0), (9.0, 0.0), (-6.0, 0.0), (0.0, 3.0)])
def test_velocities_are_radial_compensated_and_folded_where_ambiguous(rig, preset, curvature, speed, drift):
    road = Road(curvature, -100, 150, 60)
    ego, track = Track(road, 0.0, -1.75, 6.0), Track(road, 14.0, 3.0, speed, drift)
    shot, mount = lone_actor('car', track, ego), rig['RADAR_FRONT']
    field, found = watch(shot, mount, preset, 24)
    own = (found.owner == 0) & (found.cause == e.DIRECT)
    assert own.sum() > 40
    into_radar = (shot.world.ego_pose(shot.time) @ mount.to_ego)[:3, :3].T
    ray = np.stack([field['x'], field['y']])[:, own]
    ray = ray / np.linalg.norm(ray, axis=0)
    truth = (into_radar @ track.velocity(shot.time))[:2] @ ray
    relative = truth - (into_radar @ sensor_velocity(shot, mount))[:2] @ ray
    compensated = np.stack([field['vx_comp'], field['vy_comp']])[:, own]
    raw = np.stack([field['vx'], field['vy']])[:, own]
    aside = np.abs(compensated[0] * ray[1] - compensated[1] * ray[0])
    assert aside.max() < 0.8, 'along the ray, but for steps of 0.2 m'
    turns = ((compensated * ray).sum(0) - truth) / report.UNAMBIGUOUS
    state = field['ambig_state'][own]
    straight = np.isin(state, (3, 4))
    assert np.quantile(np.abs(turns[straight]) * report.UNAMBIGUOUS, 0.98) < 0.6
    assert set(np.round(turns[straight])) == {0}
    assert set(np.round(turns[state == 1])) <= {-1, 1} and set(np.round(turns[state == 2])) <= {-1, 0, 1}
    assert np.quantile(np.abs((raw * ray).sum(0) - relative)[straight], 0.98) < 0.7


def test_some_returns_are_ambiguous_and_only_those_are_folded(snapshot, rig, preset):
    field, found = watch(snapshot, rig['RADAR_FRONT'], preset, 12)
    along = np.hypot(field['vx_comp'], field['vy_comp'])
    still = (found.cause == e.DIRECT) & (np.abs(found.along) < 0.1)
    share = np.array([(field['ambig_state'] == state).mean() for state in range(5)])
    assert share[3] > 0.6 and (share[[1, 2, 4]] > 0.01).all() and share[0] < 0.05
    assert (along[still & (field['ambig_state'] == 1)] > 15).all()
    assert (along[still & (field['ambig_state'] == 3)] < 3).all()
    folded = along[still & (field['ambig_state'] == 2)] > 15
    assert 0.2 < folded.mean() < 0.8


def median_rcs(name, facing, preset, rig, variants=8):
    """All that comes from one object together, in dBsm: the median over objects of a kind."""
    total = []
    for seed in range(variants):
        track = Track(STRAIGHT, 22.0, -1.75, facing=facing)
        mount = rig['RADAR_FRONT']
        view = paths.look(lone_actor(name, track, seed=seed), mount, preset, np.random.default_rng(seed))
        direct = paths.direct(view)
        total.append(10 * np.log10(direct.power[direct.owner == 0].sum() + 1e-3))
    return np.median(total)


def test_cross_section_grows_with_size_and_depends_on_aspect(rig, preset):
    end, corner, side = (median_rcs('car', angle, preset, rig) for angle in (0.0, 0.7, np.pi / 2))
    assert side > corner + 4 and end > corner + 2
    person, cone = median_rcs('pedestrian', 0.0, preset, rig), median_rcs('traffic_cone', 0.0, preset, rig)
    assert -8 < person < 3 and cone < person < corner < end
    assert median_rcs('bus', 0.7, preset, rig) > corner


def test_ghosts_are_mirror_images(rig, preset):
    """A steel wall at y = 4; the image of a car at (x, y) stands at (x, 8 - y) and moves like a mirror image."""
    wall = box((80, 0.2, 3), (30, 4.1, 1.5), STEEL)
    track = Track(STRAIGHT, 20.0, -3.0, -7.0)
    mount, car = rig['RADAR_FRONT'], actor('car', track)
    shot = street([car], walls=(wall,))
    field, found = watch(shot, mount, preset, 40)
    ghost = found.cause == e.MIRROR
    assert 5 < ghost.sum() < (found.cause == e.DIRECT).sum() / 3
    origin = (shot.world.ego_pose(shot.time) @ mount.to_ego)[:3, 3]
    place = origin[:2, None] + np.stack([field['x'], field['y']])[:, ghost]
    centre, size, _ = car.box(shot.time)
    off = np.abs(place - np.array([[centre[0]], [8.0 - centre[1]]]))
    assert np.median(off[0]) < size[0] / 2 + 0.3 and np.median(off[1]) < size[1] / 2 + 0.5
    ray = np.stack([field['x'], field['y']])[:, ghost] / np.hypot(field['x'], field['y'])[ghost]
    along = (np.stack([field['vx_comp'], field['vy_comp']])[:, ghost] * ray).sum(0)
    clear = field['ambig_state'][ghost] == 3
    np.testing.assert_allclose(along[clear], -7.0 * ray[0, clear], atol=0.8)
    _, bare = watch(street([car]), mount, preset, 40)
    assert not (bare.cause == e.MIRROR).any(), 'no wall, no image'


def test_a_near_vehicle_returns_twice(rig, preset):
    shot = lone_actor('truck', Track(STRAIGHT, 16.0, -1.75, 4.0), Track(STRAIGHT, 0.0, -1.75, 9.0))
    _, found = watch(shot, rig['RADAR_FRONT'], preset, 60)
    own = (found.owner == 0) & (np.abs(found.azimuth) < 0.1)
    near = found.range[own & (found.cause == e.DIRECT)]
    bounced = own & (found.cause == e.BOUNCE)
    twice = bounced & (found.rate < -7.5)
    assert twice.any() and (bounced & ~twice).any()
    assert found.range[twice].min() / 2 > near.min() - 0.3 and found.range[twice].max() / 2 < near.max() + 0.3
    np.testing.assert_allclose(found.rate[twice], 2 * -5.0, atol=0.3)
    np.testing.assert_allclose(found.rate[bounced & ~twice], -5.0, atol=0.3)


def test_default_filters_remove_most_ghosts_but_not_all(snapshot, rig, preset):
    taken = [watch(snapshot, mount, preset, 10) for name, mount in rig.items() if name.startswith('RADAR')]
    kept = np.concatenate([default_filter(field) for field, _ in taken])
    cause = np.concatenate([found.cause for _, found in taken])
    ghost, true = np.isin(cause, (e.MIRROR, e.BOUNCE)), cause == e.DIRECT
    assert 0.02 < ghost.mean() < 0.2
    assert 0.03 < kept[ghost].mean() < 0.35 < kept[true].mean()
    doubt = np.concatenate([field['pdh0'] for field, _ in taken])
    assert doubt[ghost].mean() > doubt[true].mean() + 0.8
    codes = set(np.concatenate([field['invalid_state'][np.isin(f.cause, (e.MIRROR, e.BOUNCE))]
                                for field, f in taken]))  # fmt: skip
    assert {states.MIRRORED, states.HARMONIC, states.ARTEFACT} <= codes


def test_echoes_of_one_cell_merge_unless_their_speeds_differ():
    merged = e.merge(handmade(range=[10.1, 10.3, 10.2], power=[1.0, 3.0, 2.0], owner=[4, 7, 9], rate=[0.1, 0.1, 5.0]))
    assert len(merged.range) == 2
    one, other = (merged.chosen(np.flatnonzero(merged.owner == owner)) for owner in (7, 9))
    assert one.power[0] == pytest.approx(4) and one.range[0] == pytest.approx((10.1 + 3 * 10.3) / 4)
    assert one.shared[0] and not other.shared[0] and other.range[0] == pytest.approx(10.2)
    apart = e.merge(handmade(range=[10.1, 10.3], azimuth=[0.0, 0.3], owner=[4, 7]))
    assert len(apart.range) == 2 and not apart.shared.any()


def test_errors_grow_away_from_boresight_and_for_weak_echoes(rig, preset):
    view = paths.look(void(), rig['RADAR_FRONT'], preset, np.random.default_rng(0))
    spread = {}
    for name, azimuth, snr in (('ahead', 0.0, 30.0), ('aside', np.deg2rad(55), 30.0), ('weak', 0.0, 10.0)):
        count = 4000
        echoes = handmade(range=np.full(count, 30.0), azimuth=np.full(count, azimuth))
        found = Detections(echoes, np.full(count, snr), np.zeros(count), np.zeros(count))
        cloud = report.describe(found, view, np.random.default_rng(1))
        clear = cloud[COLUMN['ambig_state']] == 3
        x, y, vx, vy = cloud[[COLUMN[key] for key in ('x', 'y', 'vx_comp', 'vy_comp')]][:, clear]
        angle, speed = np.arctan2(y, x), np.hypot(vx, vy)
        spread[name] = np.array([np.hypot(x, y).std(), angle.std(), speed.mean()])
        assert angle.mean() == pytest.approx(azimuth, abs=0.002)
        spread[name, 'x_rms'] = cloud[COLUMN['x_rms']].mean()
    assert (spread['aside'] > 1.2 * spread['ahead']).all() and (spread['weak'] > 1.3 * spread['ahead']).all()
    assert spread['aside', 'x_rms'] > spread['ahead', 'x_rms']


def test_fading_lasts_over_sweeps_of_an_object(rig, preset):
    """Mean level of 400 equal echoes of one object: alike 50 ms later, not two seconds later."""
    shot, rng, levels = lone_actor('car', Track(STRAIGHT, 20.0, -1.75)), np.random.default_rng(0), []
    for start in np.arange(0, 60, 3.0):
        for later in (0.0, 0.05, 2.0):
            shot.time = start + later
            view = paths.look(shot, rig['RADAR_FRONT'], preset, rng)
            # Apart in range, so that none is beside another; far above the threshold, so that all are found.
            echoes = handmade(range=10.0 + 2 * np.arange(100), power=np.full(100, 1e5), owner=np.zeros(100, int))
            levels.append(np.median(detect(echoes, view, rng).echoes.rcs))
    first, soon, late = np.array(levels).reshape(-1, 3).T
    assert first.std() > 1
    assert np.corrcoef(first, soon)[0, 1] > 0.85 > 0.5 > np.corrcoef(first, late)[0, 1]


def test_motion_states(rig, preset):
    def shares(track, in_traffic=False):
        shot = street([actor('car', track, in_traffic=in_traffic)])
        field, found = watch(shot, rig['RADAR_FRONT'], preset, 12)
        own = (found.owner == 0) & (found.cause == e.DIRECT) & (field['ambig_state'] >= 3)
        return np.bincount(field['dyn_prop'][own].astype(int), minlength=8) / own.sum()

    ahead = Track(STRAIGHT, 20.0, -1.75)
    assert shares(replace(ahead, speed=8.0))[states.MOVING] > 0.95
    assert shares(replace(ahead, speed=-8.0))[states.ONCOMING] > 0.95
    parked, waiting = shares(ahead), shares(ahead, in_traffic=True)
    assert parked[[states.STATIONARY, states.CANDIDATE]].sum() > 0.95 and parked[states.CANDIDATE] > 0.05
    assert waiting[states.STOPPED] > 0.2 > parked[states.STOPPED]
    crossing = shares(replace(ahead, drift=5.0))
    assert crossing[[states.CROSSING, states.CROSSING_STILL]].sum() > 0.9


def test_fields_are_plausible(snapshot, rig, preset):
    counts, kept = [], []
    for channel in (name for name in rig if name.startswith('RADAR')):
        cloud = radar.sweep(snapshot, rig[channel], preset, np.random.default_rng(len(counts)))
        field = {name: cloud[index] for name, index in COLUMN.items()}
        counts.append(cloud.shape[1])
        kept.append(default_filter(field).sum())
        assert cloud.shape[0] == 18 and not field['z'].any()
        for name, step in (('x', 0.2), ('y', 0.2), ('vx', 0.25), ('vy', 0.25), ('rcs', 0.5)):
            np.testing.assert_allclose(field[name] / step, np.round(field[name] / step), atol=1e-6)
        assert np.abs(np.arctan2(field['y'], field['x'])).max() < np.deg2rad(66)
        assert (np.diff(np.hypot(field['x'], field['y'])) > -2).all(), 'nearest first'
        assert set(field['dyn_prop']) <= set(range(8)) and set(field['ambig_state']) <= set(range(5))
        assert set(field['invalid_state']) <= VALID_CODES | INVALID_CODES
        assert set(field['pdh0']) <= set(range(1, 8)) and set(field['is_quality_valid']) <= {0, 1}
        assert field['rcs'].min() >= -20 and field['rcs'].max() <= 50
        assert field['x_rms'].min() == 19 and field['vx_rms'].min() == 16
    assert max(counts) <= radar.MAX_RETURNS and min(counts) > 25
    assert np.mean(kept) == pytest.approx(0.5 * np.mean(counts), rel=0.35)


@pytest.mark.real_data
def test_distributions_resemble_nuscenes(real_data, snapshot, rig, preset):
    """Front radar under the devkit's default filters, against one real sweep of each of ten scenes."""
    files = sorted((real_data / 'nuscenes' / 'mini_radar_front_10').glob('*.csv'))
    real = [np.loadtxt(path, delimiter=',') for path in files]
    field, _ = watch(snapshot, rig['RADAR_FRONT'], preset, 6)
    kept = default_filter(field)
    assert 25 < kept.sum() / 6 < 80 and 25 < np.mean([cloud.shape[1] for cloud in real]) < 80
    theirs = np.percentile(np.concatenate([cloud[COLUMN['rcs']] for cloud in real]), (5, 50, 95))
    np.testing.assert_allclose(np.percentile(field['rcs'][kept], (5, 50, 95)), theirs, atol=6)


def test_rain_returns_close_by_and_takes_from_afar(rig, preset):
    counts = {}
    for rain in (0.0, 1.0):
        light = replace(daylight(np.random.default_rng(0)), rain=rain)
        _, found = watch(street([], light=light), rig['RADAR_FRONT'], preset, 8)
        drops = found.cause == e.RAIN
        counts[rain] = drops.sum()
        assert not drops.any() or found.range[drops].max() < 17
    assert counts[0.0] == 0 and counts[1.0] > 8
    afar = handmade(range=[90.0])
    assert signal_to_noise(afar, 1.0) < signal_to_noise(afar, 0.0) - 2


def test_nothing_in_view_gives_an_empty_sweep_that_can_be_written(rig, preset, tmp_path):
    clouds = [radar.sweep(void(), rig['RADAR_FRONT'], preset, np.random.default_rng(seed)) for seed in range(16)]
    counts = [cloud.shape[1] for cloud in clouds]
    assert 0 in counts, 'at most false alarms'
    empty = clouds[counts.index(0)]
    assert empty.shape == (18, 0)
    assert read_radar_pcd(write_radar_pcd(tmp_path / 'empty.pcd', empty)).shape == (0, 18)


def test_vehicles_are_found_more_often_than_cones(rig, preset):
    found = {}
    for name in ('bus', 'pedestrian', 'traffic_cone'):
        _, echoes = watch(lone_actor(name, Track(STRAIGHT, 25.0, -1.75), EGO), rig['RADAR_FRONT'], preset)
        found[name] = (echoes.owner == 0).sum()
    assert found['bus'] > found['pedestrian'] > found['traffic_cone']
