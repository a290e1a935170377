"""Fills a street with actors so that none touches another at any time."""

from dataclasses import replace

import numpy as np

from perception_kd.simulation import zones
from perception_kd.simulation.actors.actor import Actor
from perception_kd.simulation.actors.catalogue import Blueprint, draw
from perception_kd.simulation.footprints import touches
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.road import KERB, LANES, Road, Track
from perception_kd.simulation.zones import Plan

_GAP = 0.35
"""Least distance between two footprints in m (half of it on each side)."""
_EGO_HALF = np.array([4.0, 1.25])
_EGO_AHEAD = 1.4
_TRIES = 400
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
"""One of each is placed close by, the small ones first; then the rest, the large ones first."""


class Street:
    """Collects actors; ``place`` refuses what would touch something at any instant of the scene."""

    def __init__(self, *, plan: Plan, obstacles: np.ndarray) -> None:
        self.plan, self.actors = plan, []
        self.times = np.arange(-0.6, plan.duration + 0.2, 0.2)
        ego = plan.ego.pose(self.times)[:, [0, 1, 3]]
        ego[:, :2] += _EGO_AHEAD * np.stack([np.cos(ego[:, 2]), np.sin(ego[:, 2])], 1)
        fixed = np.zeros((len(obstacles), len(self.times), 3))
        fixed[..., :2] = obstacles[:, None, :2]
        self._poses = np.concatenate([ego[None], fixed])
        self._halves = np.concatenate([_EGO_HALF[None], np.full((len(obstacles), 2), 0.3)])

    def place(self, blueprint: Blueprint, track: Track, in_traffic: bool = False) -> bool:
        """Add an actor if it touches nothing; says whether it did."""
        pose = track.pose(self.times)[:, [0, 1, 3]]
        half = np.array(blueprint.size[:2]) / 2 + _GAP / 2
        if track.speed and not track.drift and abs(track.d) < KERB:
            half[0] += 0.8  # Traffic keeps its distance.
        if touches(pose, half, self._poses, self._halves):
            return False
        self._poses = np.concatenate([self._poses, pose[None]])
        self._halves = np.concatenate([self._halves, half[None]])
        key = f'{blueprint.name}_{len(self.actors):03d}'
        self.actors.append(Actor(key, blueprint, track, in_traffic))
        return True


def draw_plan(preset: WorldPreset, rng: np.random.Generator) -> Plan:
    """Road shape, lane speeds, open lots and road works of a street."""
    curvature = float(rng.choice([0.0, 1.0, -1.0], p=[0.4, 0.3, 0.3])) / rng.uniform(90, 220)
    speed = rng.uniform(*preset.ego_speed)
    travel = speed * preset.duration
    road = Road(curvature, -110.0, travel + 130.0, crossing=rng.uniform(0.4 * travel, travel + 12))
    lots = _draw_lots(rng)
    lane_closed = bool(rng.random() < 0.4)
    side = -1 if lane_closed else int(rng.choice(sorted(lots)))
    speeds = {
        LANES[0]: speed,
        LANES[1]: speed * rng.uniform(0.6, 1.4),
        LANES[2]: -rng.uniform(4, 9),
        LANES[3]: -rng.uniform(3, 7),
    }
    waiting = rng.choice([None, LANES[1], LANES[3]], p=[0.5, 0.2, 0.3])
    if waiting is not None:
        speeds[waiting] = 0.0
    if lane_closed:
        del speeds[LANES[1]]
    ego = Track(road, 0.0, LANES[0], speed)
    return Plan(road, ego, preset.duration, speeds, lots, (rng.uniform(-4, 0.6 * travel), side), lane_closed)


def _draw_lots(rng: np.random.Generator) -> frozenset[int]:
    return frozenset([(-1,), (1,), (-1, 1)][rng.integers(3)])


def populate(plan: Plan, preset: WorldPreset, obstacles: np.ndarray, rng: np.random.Generator) -> list[Actor]:
    """Actors of a street: the road works, one of each class close to the ego vehicle, then all others.

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
        if missing[name]:
            _place_somewhere(street, replace(plan, close=True), name, rng)
            missing[name] -= 1
    for name in reversed(_SMALL_FIRST):
        for _ in range(missing[name]):
            _place_somewhere(street, plan, name, rng)
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
        track = zones.works_row(plan, index, rng, step=3.1, offset=0.35, facing=np.pi / 2)
        missing['barrier'] -= missing['barrier'] > 0 and street.place(draw('barrier', rng), track)
    for index in range(-3, int(rng.integers(2, 5))):
        slant = 0.0 if index >= 0 else -0.5 * index * (1 if plan.lane_closed else 0)
        track = zones.works_row(plan, index, rng, step=2.6, offset=slant + (0.0 if index < 0 else 1.1))
        missing['traffic_cone'] -= missing['traffic_cone'] > 0 and street.place(
            draw('traffic_cone', rng), track
        )


def _couple_trailer(street: Street, missing: dict[str, int], rng: np.random.Generator) -> None:
    """Every second street: a trailer in traffic behind its tractor."""
    if rng.random() < 0.5 or not missing['trailer'] or not missing['truck']:
        return
    tractor, trailer = draw('truck', rng, variant='tractor'), draw('trailer', rng)
    for _ in range(_TRIES):
        front = zones.lane(street.plan, rng)
        way = 1 if front.d < 0 else -1
        behind = way * ((tractor.size[0] + trailer.size[0]) / 2 + 1.3)
        rear = Track(front.road, front.s - behind, front.d, front.speed, facing=front.facing)
        if street.place(tractor, front, in_traffic=True):
            missing['truck'] -= 1
            if street.place(trailer, rear, in_traffic=True):
                missing['trailer'] -= 1
            return


def _place_somewhere(street: Street, plan: Plan, name: str, rng: np.random.Generator) -> None:
    habitats, odds = zip(*zones.HABITATS[name])
    blueprints: dict[str, Blueprint] = {}
    for _ in range(_TRIES):
        zone = habitats[rng.choice(len(habitats), p=odds)]
        track = zone(plan, rng)
        variant = _variant(name, zone)
        if variant not in blueprints:
            blueprints[variant] = draw(name, rng, variant=variant)
        blueprint = blueprints[variant]
        if street.place(blueprint, track, in_traffic=zone is zones.lane):
            return
    raise RuntimeError(f'no room for another {name} on this street; lower its count in the preset')


def _variant(name: str, zone: zones.Zone) -> str:
    if name in ('bicycle', 'motorcycle'):
        return 'ridden' if zone in (zones.lane, zones.cycle_lane) else 'parked'
    return 'worker' if name == 'pedestrian' and zone is zones.works_anywhere else ''
