"""The world teaches something true: no class is read off a number, no box off one sensor.

Each test has a control: the same method on data that do give the answer away, which shows that it could fail.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
from shapely.geometry import Polygon
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeClassifier

from perception_kd.datasets.nuscenes.formats import RADAR_FIELDS
from perception_kd.simulation.actors.catalogue import CLASSES
from perception_kd.simulation.annotate import Truth, annotate
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.presets import get_preset
from perception_kd.simulation.sensors import lidar, radar
from perception_kd.simulation.sensors.rig import Mount, build_rig
from perception_kd.simulation.snapshot import Snapshot
from perception_kd.simulation.world import World, build_world

PRESET = get_preset('tiny')
RIG = build_rig(PRESET.image_size)
SCENES, TIMES = 6, (0.3, 2.3, 4.3)
COLUMN = {name: index for index, name in enumerate(RADAR_FIELDS)}
LONG = ('car', 'truck', 'bus', 'trailer', 'construction_vehicle')


@dataclass
class Sighting:
    """One box at one instant: its class, an identity of its object, its truth and surface points, and the returns
    inside: LiDAR (N, 4) x, y, z, intensity, radar (M, 3) x, y, rcs after the devkit's filters; box frame, in m.
    ``pixels``: for each camera that sees the centre, focal length, depth, and top and bottom rows."""

    name: str
    object: tuple[int, int]
    truth: Truth
    surface: np.ndarray
    lidar: np.ndarray
    radar: np.ndarray
    pixels: list[tuple[float, float, float, float]]


def _street(scene: int) -> World:
    for attempt in range(12):
        try:
            return build_world(PRESET, 1, scene, attempt)
        except RuntimeError:
            continue  # No room for all; the next street has.
    raise AssertionError('no street has room')


def _measure(snapshot: Snapshot, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """All LiDAR returns (N, 4) and all radar returns (M, 4: x, y, rcs, passes the filters), world frame."""
    ego, lidars, radars = snapshot.world.ego_pose(snapshot.time), [], []
    for mount in RIG:
        to_world = ego @ mount.to_ego
        if mount.modality == 'lidar':
            points = lidar.scan(snapshot, mount, PRESET, rng).astype(float)
            lidars.append(np.column_stack([points[:, :3] @ to_world[:3, :3].T + to_world[:3, 3], points[:, 3]]))
        elif mount.modality == 'radar':
            cloud = radar.sweep(snapshot, mount, PRESET, rng)
            field = {key: cloud[index] for key, index in COLUMN.items()}
            valid = (field['invalid_state'] == 0) & (field['dyn_prop'] < 7) & (field['ambig_state'] == 3)
            place = cloud[:3].T @ to_world[:3, :3].T + to_world[:3, 3]
            radars.append(np.column_stack([place[:, :2], field['rcs'], valid]))
    return np.concatenate(lidars), np.concatenate(radars)


def _sightings(snapshot: Snapshot, scene: int) -> Iterator[Sighting]:
    points, returns = _measure(snapshot, np.random.default_rng([scene, round(10 * snapshot.time)]))
    for truth in annotate(snapshot, RIG, points[:, :3], returns[:, :2], PRESET.annotation_radius):
        actor = snapshot.world.actors[truth.actor]
        turn = yaw_matrix(truth.yaw)
        local, flat = (points[:, :3] - truth.centre) @ turn, (returns[:, :2] - truth.centre[:2]) @ turn[:2, :2]
        inside = (np.abs(local) <= truth.size / 2).all(1)
        # Half a metre of slack, or the radar's own errors would hide what it saw.
        near = (np.abs(flat) <= truth.size[:2] / 2 + 0.5).all(1) & (returns[:, 3] > 0)
        yield Sighting(
            actor.blueprint.name, (scene, truth.actor), truth,
            (actor.surface_points(snapshot.time) - truth.centre) @ turn,
            np.column_stack([local, points[:, 3]])[inside], np.column_stack([flat, returns[:, 2]])[near],
            list(_pixels(snapshot, truth)),
        )  # fmt: skip


def _pixels(snapshot: Snapshot, truth: Truth) -> Iterator[tuple[float, float, float, float]]:
    for mount in RIG:
        if mount.modality == 'camera':
            u, top, depth = _project(snapshot, mount, truth.centre + [0, 0, truth.size[2] / 2])
            _, bottom, _ = _project(snapshot, mount, truth.centre - [0, 0, truth.size[2] / 2])
            if depth > 1 and 0 <= u < mount.size[0]:
                yield mount.intrinsic[1, 1], depth, top, bottom


def _project(snapshot: Snapshot, mount: Mount, point: np.ndarray) -> tuple[float, float, float]:
    to_camera = np.linalg.inv(snapshot.world.ego_pose(snapshot.time) @ mount.to_ego)
    u, v, depth = mount.intrinsic @ (to_camera[:3, :3] @ point + to_camera[:3, 3])
    return u / depth, v / depth, depth


@pytest.fixture(scope='module')
def sightings() -> list[Sighting]:
    """Three instants of six streets."""
    streets = [_street(scene) for scene in range(SCENES)]
    return [
        sighting
        for scene, world in enumerate(streets)
        for time in TIMES
        for sighting in _sightings(Snapshot(world=world, time=time), scene)
    ]


# --- intensity and cross-section do not give the class away


def _means(sightings: list[Sighting], sensor: str, least: int) -> tuple[np.ndarray, np.ndarray]:
    """Class index (N,) and mean of the last column of all returns (N,) of each object with enough of them."""
    values: dict[tuple[int, tuple[int, int]], list] = {}
    for sighting in sightings:
        key = CLASSES.index(sighting.name), sighting.object
        values.setdefault(key, []).extend(getattr(sighting, sensor)[:, -1])
    kept = {key: np.mean(value) for key, value in values.items() if len(value) >= least}
    return np.array([label for label, _ in kept]), np.array(list(kept.values()))


def _tree_accuracy(labels: np.ndarray, values: np.ndarray) -> float:
    """Accuracy of a decision tree of depth 3 that names the class of an object from one number.

    Every class counts the same: of each, as many objects (not boxes) are drawn as the rarest class has, at least
    six. Trees are scored on objects that they were not fitted to, in five stratified folds; the mean over the
    folds of eight draws of the objects. Chance is 0.1.
    """
    count = np.bincount(labels, minlength=len(CLASSES)).min()
    assert count >= 6, 'objects of each class'
    scores = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        chosen = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:count] for c in range(len(CLASSES))])
        # Entropy, not Gini: of ten classes in a row Gini would cut off one after the other, and miss most.
        tree = DecisionTreeClassifier(criterion='entropy', max_depth=3, random_state=seed)
        scores.append(cross_val_score(tree, values[chosen, None], labels[chosen], cv=5).mean())
    return float(np.mean(scores))


@pytest.mark.parametrize(('sensor', 'least'), [('lidar', 5), ('radar', 1)])
def test_mean_return_does_not_tell_the_class(sightings, sensor, least):
    """Ten classes from an object's mean LiDAR intensity, or mean radar cross-section, over all its instants."""
    labels, values = _means(sightings, sensor, least)
    assert _tree_accuracy(labels, values) < 0.5
    told = labels + np.random.default_rng(0).normal(0, 0.05, len(labels))
    # Eight leaves name eight of ten classes at best.
    assert _tree_accuracy(labels, told) > 0.6


# --- a box cannot be read off one sensor


def _overlap(rectangle: np.ndarray, size: np.ndarray) -> float:
    """Intersection over union in the ground plane with the true box (box frame)."""
    fitted, (x, y) = Polygon(rectangle), size[:2] / 2
    truth = Polygon([(x, y), (-x, y), (-x, -y), (x, -y)])
    return fitted.intersection(truth).area / fitted.union(truth).area


def _fit(points: np.ndarray) -> np.ndarray:
    """Corners (4, 2) of the smallest rectangle around points (N, 2)."""
    return cv2.boxPoints(cv2.minAreaRect(points.astype(np.float32)))


def test_lidar_alone_shows_less_than_the_box(sightings):
    empty = np.mean([len(s.lidar) == 0 for s in sightings])
    assert 0.15 < empty < 0.5
    long = [s for s in sightings if s.name in LONG]
    seen = [s for s in long if len(s.lidar) >= 5]
    overlaps = np.array([_overlap(_fit(s.lidar[:, :2]), s.truth.size) for s in seen])
    extents = np.array([np.ptp(s.lidar[:, :2], axis=0) / s.truth.size[:2] for s in seen])
    assert len(seen) > 100 and (overlaps >= 0.7).sum() / len(long) < 0.4 and np.median(overlaps) < 0.7
    assert (extents.min(1) < 0.9).mean() > 0.5, 'one side at least is not shown to its end'
    control = np.array([_overlap(_fit(s.surface[:, :2]), s.truth.size) for s in seen])
    assert (control >= 0.7).mean() > 0.95


def test_radar_alone_shows_neither_size_nor_centre(sightings):
    seen = [s for s in sightings if s.name in LONG and len(s.radar)]
    missed = np.mean([len(s.radar) == 0 for s in sightings if s.name in LONG])
    assert len(seen) > 100 and missed > 0.15
    off = np.array([np.hypot(*s.radar[:, :2].mean(0)) for s in seen])
    extents = np.array([np.ptp(s.radar[:, :2], axis=0) / s.truth.size[:2] for s in seen])
    assert off.mean() > 0.5 and np.median(extents[:, 0]) < 0.5
    control = np.array([np.hypot(*s.surface[:, :2].mean(0)) for s in seen])
    assert control.mean() < 0.5 and control.mean() < 0.5 * off.mean()


def test_a_pixel_box_leaves_the_depth_open(sightings):
    """Depth from focal length x height / rows: with the mean height of the class it errs by a share of the
    depth, with the true height of the object it does not."""
    heights = {name: np.mean([s.truth.size[2] for s in sightings if s.name == name]) for name in CLASSES}
    depth, guess, control = np.array([
        (depth, focal * heights[s.name] / max(1.0, np.round(bottom - top)),
         focal * s.truth.size[2] / (bottom - top))
        for s in sightings for focal, depth, top, bottom in s.pixels
    ]).T  # fmt: skip
    near, far = depth < 12, depth > 25
    error = np.abs(guess - depth)
    assert near.sum() > 60 and far.sum() > 60
    assert error[far].mean() > 2 * error[near].mean() and error[far].mean() > 1.0
    np.testing.assert_allclose(control, depth, rtol=1e-6)


# --- what is far, small or hidden is seen less


def test_fewer_returns_from_afar(sightings):
    """Of objects in full view: share without any LiDAR return, and points on cars, near and far."""
    near, far = (
        [len(s.lidar) == 0 for s in sightings if low <= s.truth.distance < high and s.truth.visibility == 4]
        for low, high in ((0, 15), (35, 60))
    )
    assert len(far) > 40 and np.mean(near) < 0.03 and np.mean(far) > np.mean(near) + 0.02
    cars = [[len(s.lidar) for s in sightings if s.name == 'car' and low <= s.truth.distance < high]
            for low, high in ((0, 15), (30, 60))]  # fmt: skip
    assert np.median(cars[0]) > 5 * np.median(cars[1])


def test_hidden_objects_return_less(sightings):
    hidden, open_ = ([len(s.lidar) for s in sightings if s.truth.visibility == level and s.truth.distance < 30]
                     for level in (1, 4))  # fmt: skip
    assert len(hidden) > 30 and np.mean(hidden) < 0.5 * np.mean(open_)
