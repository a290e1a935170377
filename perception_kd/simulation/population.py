"""Fills a street with actors so that none touches another at any time."""

from dataclasses import replace

import numpy as np

from perception_kd.simulation import zones
from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.actors.catalogue import Blueprint, draw
from perception_kd.simulation.footprints import touches
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.road import CORNER, KERB, PARKING, SIDE_KERB, SIDE_REACH, SIDEWALK_END, ZEBRA, Track

_GAP = 0.35
"""Least distance between two footprints in m (half of it on each side)."""
_EGO_HALF = np.array([4.0, 1.25])
_EGO_AHEAD = 1.4
_TRIES = 400
_STEP = 0.1
"""Seconds between the instants at which footprints are compared."""
_CLEARING = 1.0
"""Seconds after which a red light finds the crossroads empty."""
_SMALL_FIRST = (
    'traffic_cone',
    'barrier',
    'bicycle',
    'pedestrian',
    'motorcycle',
    'car',
    'construction_vehicle',
    'truck',
    'trailer',
    'bus',
)
"""Some of each are placed close by, the small ones first; then the rest, the large ones first."""
_CLOSE = {'traffic_cone': 3, 'barrier': 2, 'bicycle': 2}
"""How many of a class, if not one."""


class Street:
    """Collects actors; ``place`` refuses what would touch something at any instant of the scene.

    Args:
        plan: The street.
        obstacles: (N, 5) x, y, yaw, half length, half width of what stands there already.
    """

    def __init__(self, *, plan: Plan, obstacles: np.ndarray) -> None:
        self.plan, self.actors = plan, []
        self.times = np.arange(-0.6, plan.duration + _STEP, _STEP)
        ego = plan.ego.pose(self.times)[:, [0, 1, 3]]
        ego[:, :2] += _EGO_AHEAD * np.stack([np.cos(ego[:, 2]), np.sin(ego[:, 2])], 1)
        fixed = np.repeat(obstacles[:, None, :3], len(self.times), 1)
        self._poses = np.concatenate([ego[None], fixed])
        self._halves = np.concatenate([_EGO_HALF[None], obstacles[:, 3:]])
        self._kept_free = _kept_free(plan)
        now, before = plan.red(self.times), plan.red(self.times - _CLEARING)
        self._red = {'main': now & before, 'side': ~now & ~before}

    def place(self, blueprint: Blueprint, track: Track, in_traffic: bool = False) -> bool:
        """Add an actor if it ``fits``; says whether it does."""
        if not self.fits(blueprint, track):
            return False
        pose, half = self._footprint(blueprint, track)
        self._poses = np.concatenate([self._poses, pose[None]])
        self._halves = np.concatenate([self._halves, half[None]])
        key = f'{blueprint.name}_{len(self.actors):03d}'
        self.actors.append(Actor(key, blueprint, track, in_traffic))
        return True

    def fits(self, blueprint: Blueprint, track: Track) -> bool:
        """Whether it touches nothing, stands in nobody's way and stops at red lights."""
        pose, half = self._footprint(blueprint, track)
        return not (
            self._runs_red(blueprint, track)
            or touches(pose, half, self._poses, self._halves)
            or self._blocks(pose, half, track)
        )

    def _footprint(self, blueprint: Blueprint, track: Track) -> tuple[np.ndarray, np.ndarray]:
        """Poses (T, 3) x, y, yaw, and half length and width with the distance that is kept."""
        half = np.array(blueprint.size[:2]) / 2 + _GAP / 2
        if _in_lane(track):
            half[0] += 0.8  # Traffic keeps its distance.
        return track.pose(self.times)[:, [0, 1, 3]], half

    def _street(self, track: Track) -> str:
        return 'main' if track.road is self.plan.road else 'side'

    def _runs_red(self, blueprint: Blueprint, track: Track) -> bool:
        """Whether any of it is inside the crossroads at red, unless the light has only just changed."""
        if track.road.mouth is None or not _in_lane(track):
            return False
        red = self.times[self._red[self._street(track)]]
        away = np.abs(track.road.along(*track.place(red)))
        return bool((away < track.road.mouth[1] + blueprint.size[0] / 2).any())

    def _blocks(self, pose: np.ndarray, half: np.ndarray, track: Track) -> bool:
        """Whether it stands, at any time, where nothing may."""
        free = self._kept_free[self._street(track)]
        standing = pose[~track.moving(self.times)]
        if not len(standing) or not len(free):
            return False
        return touches(standing[:1], half, free[:, None, :3], free[:, 3:]) or touches(
            standing[-1:], half, free[:, None, :3], free[:, 3:]
        )


def _in_lane(track: Track) -> bool:
    """Whether it goes along a roadway."""
    return bool(track.speed) and not track.drift and abs(track.d) < track.road.half


def _kept_free(plan: Plan) -> dict[str, np.ndarray]:
    """Rectangles (N, 5) where nothing of the main road, or of the side street, may stand."""
    road, main = plan.road, []
    for start in road.crossings:
        x, y, heading = road.to_world(start + ZEBRA / 2, 0)
        main.append([x, y, heading, ZEBRA / 2 + 0.4, KERB])
    if road.mouth is None:
        return {'main': np.array(main, float), 'side': np.zeros((0, 5))}
    x, y, heading = road.to_world(road.mouth[0], 0)
    main.append([x, y, heading, SIDE_KERB + 0.3, SIDE_REACH])
    for side in (-1, 1):
        way, off = side * np.array([-np.sin(heading), np.cos(heading)]), SIDEWALK_END + SIDE_REACH / 2
        main.append([x + off * way[0], y + off * way[1], heading, SIDE_KERB + CORNER + 0.3, SIDE_REACH / 2])
    return {'main': np.array(main, float), 'side': np.array([[x, y, heading, SIDE_KERB, KERB + 5.0]], float)}


def populate(plan: Plan, preset: WorldPreset, obstacles: np.ndarray, rng: np.random.Generator) -> list[Actor]:
    """Actors of a street: road works, one of each class close to the ego vehicle, parked rows, all others.

    Raises:
        ValueError: the preset counts a class that is none.
        RuntimeError: a class does not fit as often as the preset asks.
    """
    unknown = sorted(set(preset.counts) - set(_SMALL_FIRST))
    if unknown:
        raise ValueError(f'preset {preset.name} counts unknown classes: {", ".join(unknown)}')
    street = Street(plan=plan, obstacles=obstacles)
    missing = {name: preset.counts.get(name, 0) for name in _SMALL_FIRST}
    _set_up_works(street, missing, rng)
    _couple_trailer(street, missing, rng)
    for name in _SMALL_FIRST:
        for _ in range(min(missing[name], _CLOSE.get(name, 1))):
            _place_somewhere(street, replace(plan, close=True), name, rng)
            missing[name] -= 1
    _park_rows(street, missing, rng)
    for name in reversed(_SMALL_FIRST):
        while missing[name] > 0:
            _place_somewhere(street, plan, name, rng)
            missing[name] -= 1
            if name == 'pedestrian' and rng.random() < 0.3:
                missing[name] -= _accompany(street, missing[name], rng)
    return street.actors


def _set_up_works(street: Street, missing: dict[str, int], rng: np.random.Generator) -> None:
    """A machine, workers, and rows of cones and barriers towards the road."""
    plan = street.plan
    for name, zone, variant in (
        ('construction_vehicle', zones.works, ''),
        ('pedestrian', zones.works_anywhere, 'worker'),
        ('pedestrian', zones.works_anywhere, 'worker'),
    ):
        blueprint = draw(name, rng, variant=variant)
        if missing[name] and any(street.place(blueprint, zone(plan, rng)) for _ in range(_TRIES)):
            missing[name] -= 1
    for index in range(int(rng.integers(4, 7))):
        track = zones.works_row(plan, index, rng, step=3.4, offset=0.35, facing=np.pi / 2)
        missing['barrier'] -= missing['barrier'] > 0 and street.place(draw('barrier', rng), track)
    for index in range(-3, int(rng.integers(2, 5))):
        slant = 0.0 if index >= 0 else -0.5 * index * (1 if plan.lane_closed else 0)
        track = zones.works_row(plan, index, rng, step=2.6, offset=slant + (0.0 if index < 0 else 1.1))
        missing['traffic_cone'] -= missing['traffic_cone'] > 0 and street.place(
            draw('traffic_cone', rng), track
        )


def _couple_trailer(street: Street, missing: dict[str, int], rng: np.random.Generator) -> None:
    """In most streets: a trailer in traffic behind its tractor."""
    if rng.random() < 0.3 or not missing['trailer'] or not missing['truck']:
        return
    tractor, trailer = draw('truck', rng, variant='tractor'), draw('trailer', rng)
    for _ in range(_TRIES):
        front = zones.lane(street.plan, rng)
        way = 1 if front.d < 0 else -1
        behind = ((tractor.size[0] + trailer.size[0]) / 2 + 2.3) / (1 - front.road.curvature * front.d)
        rear = replace(front, s=front.s - way * behind)
        if street.fits(trailer, rear) and street.place(tractor, front, in_traffic=True):
            missing['truck'] -= 1
            missing['trailer'] -= street.place(trailer, rear, in_traffic=True)
            return


def _park_rows(street: Street, missing: dict[str, int], rng: np.random.Generator) -> None:
    """Cars close together along the kerbs, now and then a truck among them, until half of them are placed."""
    plan, rest = street.plan, missing['car'] // 2
    for _ in range(_TRIES):
        side = int(rng.integers(2)) * 2 - 1
        s, length = plan.meet(rng), int(rng.integers(3, 7))
        while length and missing['car'] > rest:
            name = 'truck' if missing['truck'] > 1 and rng.random() < 0.06 else 'car'
            blueprint = draw(name, rng)
            facing = (0.0 if side < 0 else np.pi) + rng.normal(0, 0.015)
            s += blueprint.size[0] / 2
            track = Track(plan.road, s, side * (PARKING + rng.normal(0, 0.06)), facing=facing)
            missing[name] -= street.place(blueprint, track)
            s += blueprint.size[0] / 2 + rng.uniform(0.6, 1.5)
            length -= 1
        if missing['car'] <= rest:
            return


def _accompany(street: Street, most: int, rng: np.random.Generator) -> int:
    """One or two who go with the pedestrian placed last; says how many."""
    first, placed = street.actors[-1], 0
    for _ in range(min(most, int(rng.integers(1, 3)))):
        variant = 'worker' if first.blueprint.category.endswith('worker') else ''
        track = replace(first.track, s=first.track.s + rng.uniform(-1.2, 1.2), d=first.track.d + rng.uniform(-1.2, 1.2))
        placed += street.place(draw('pedestrian', rng, variant=variant), track)
    return placed


def _place_somewhere(street: Street, plan: Plan, name: str, rng: np.random.Generator) -> None:
    """Where the class lives; a close place is given up for a farther one after half of the tries."""
    habitats = [(zone, odds) for zone, odds in zones.HABITATS[name] if not (plan.close and zone in zones.DISTANT)]
    odds = np.array([share for _, share in habitats])
    blueprints: dict[str, Blueprint] = {}
    for trial in range(_TRIES):
        zone = habitats[rng.choice(len(habitats), p=odds / odds.sum())][0]
        track = zone(plan if 2 * trial < _TRIES else replace(plan, close=False), rng)
        variant = _variant(name, zone)
        if variant not in blueprints:
            blueprints[variant] = draw(name, rng, variant=variant)
        if street.place(blueprints[variant], track, in_traffic=zone in zones.TRAFFIC):
            return
    raise RuntimeError(f'no room for another {name} on this street; lower its count in the preset')


def _variant(name: str, zone: zones.Zone) -> str:
    if name in ('bicycle', 'motorcycle'):
        return 'ridden' if zone in zones.RIDING else 'parked'
    return 'worker' if name == 'pedestrian' and zone is zones.works_anywhere else ''
