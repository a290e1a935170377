"""Where things may stand or move: each zone draws a track near the ego vehicle's path."""

from collections.abc import Callable

import numpy as np

from perception_kd.simulation.pace import STANDING, STEADY, Pace, slowing, stopping
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.road import (
    CORNER,
    CYCLE_LANE,
    KERB,
    LANES,
    PARKING,
    SIDE_KERB,
    SIDE_PARKING,
    SIDEWALK_END,
    ZEBRA,
    Track,
)

SIDE_LANE = 1.75
_SIDE_STOP = KERB + 6.0
"""Those who wait on the side street stand behind this |s|."""


def lane(plan: Plan, rng: np.random.Generator) -> Track:
    """In traffic, at the pace of the lane; where that is steady, one in five slows down for a while."""
    d = float(rng.choice(list(plan.lane_speeds)))
    speed, pace = plan.lane_speeds[d], plan.paces.get(d, STEADY)
    if pace is STEADY and rng.random() < 0.2:
        pace = slowing(rng.uniform(0, 0.5 * plan.duration), 1.5, 1.0, 2.5, rng.uniform(0.3, 0.7))
    facing = 0.0 if d < 0 else np.pi
    s = plan.meet(rng, speed, pace)
    return Track(plan.road, s, d + rng.uniform(-0.25, 0.25), speed, facing=facing, pace=pace)


def side_lane(plan: Plan, rng: np.random.Generator) -> Track:
    """On the side street: waiting at the crossroads, braking for it, starting off, or crossing it."""
    if plan.road.mouth is None:
        return lane(plan, rng)
    way = _side(rng)
    speed, halt = rng.uniform(4, 9), _SIDE_STOP + rng.uniform(0.5, 4.5) + 7.5 * (rng.random() < 0.3)
    time = rng.uniform(0, plan.duration)
    through = rng.uniform(-3.0, plan.duration + 2.0)  # Some have left the crossroads behind, some are yet to come.
    habit = rng.choice(4, p=[0.35, 0.15, 0.15, 0.35])
    brakes, starts = stopping(time, speed / 2.0, 60.0, 1.0), Pace((time, time + speed / 1.5), (0.0, 1.0))
    pace = (STANDING, brakes, starts, STEADY)[habit]
    away = (halt, halt + speed * float(pace.covered(60.0)), halt, speed * through)[habit]
    d = -way * (SIDE_LANE + rng.uniform(-0.2, 0.2))
    return Track(plan.road.side_street(), -way * away, d, way * speed, facing=_ahead(way), pace=pace)


def parking(plan: Plan, rng: np.random.Generator) -> Track:
    """Parked along the kerb, nearly straight."""
    side = _side(rng)
    return Track(plan.road, plan.meet(rng), side * PARKING, facing=_ahead(-side) + rng.normal(0, 0.02))


def side_parking(plan: Plan, rng: np.random.Generator) -> Track:
    """Parked along the side street."""
    if plan.road.mouth is None:
        return parking(plan, rng)
    side, way = _side(rng), _side(rng)
    facing = _ahead(-side) + rng.normal(0, 0.02)
    return Track(plan.road.side_street(), way * rng.uniform(KERB + 9, 48), side * SIDE_PARKING, facing=facing)


def lot(plan: Plan, rng: np.random.Generator) -> Track:
    """On an open lot, along or across the road."""
    side = int(rng.choice(sorted(plan.lots)))
    facing = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.08)
    depth = rng.uniform(SIDEWALK_END + 2, 19 if plan.close else 28)
    return Track(plan.road, plan.meet(rng), side * depth, facing=facing)


def bus_stop(plan: Plan, rng: np.random.Generator) -> Track:
    """A vehicle at the bus stop."""
    s, side = plan.stop
    return Track(plan.road, s + side * rng.uniform(0, 4), side * (PARKING - 0.25), facing=_ahead(-side))


def pavement(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot along the pavement; one in four stands, one in five stops or starts."""
    side, way = _side(rng), _side(rng)
    speed, pace = way * rng.uniform(0.8, 1.7), _stroll(plan, rng)
    facing = rng.uniform(-np.pi, np.pi) if pace is STANDING else _ahead(way)
    d = side * rng.uniform(KERB + 0.7, SIDEWALK_END - 0.5)
    return Track(plan.road, plan.meet(rng, speed, pace), d, speed, facing=facing, pace=pace)


def side_pavement(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot along the side street."""
    if plan.road.mouth is None:
        return pavement(plan, rng)
    side, way, pace = _side(rng), _side(rng), _stroll(plan, rng)
    s, d = _side(rng) * rng.uniform(SIDEWALK_END, 32), side * (SIDE_KERB + rng.uniform(0.5, CORNER - 0.5))
    return Track(plan.road.side_street(), s, d, way * rng.uniform(0.8, 1.7), facing=_ahead(way), pace=pace)


def pavement_parked(plan: Plan, rng: np.random.Generator) -> Track:
    """A cycle left on the pavement."""
    d = _side(rng) * rng.uniform(KERB + 0.9, SIDEWALK_END - 0.7)
    return Track(plan.road, plan.meet(rng), d, facing=rng.uniform(-np.pi, np.pi))


def waiting(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot at the kerb of a crossing, or at the bus stop."""
    s, side = plan.stop
    if rng.random() < 0.5:
        side = _side(rng)
        s = float(rng.choice(plan.road.crossings)) + ZEBRA / 2
    s += rng.uniform(-1.8, 1.8)
    return Track(plan.road, s, side * (KERB + rng.uniform(0.5, 1.1)), facing=-side * np.pi / 2 + rng.normal(0, 0.4))


def crossing(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot over a crossing of the main road."""
    s = float(rng.choice(plan.road.crossings)) + rng.uniform(0.4, ZEBRA - 0.4)
    return _over(plan, s, rng.uniform(0.9, 1.7), rng)


def anywhere(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot across the road where there is no crossing, in a hurry."""
    return _over(plan, plan.meet(rng), rng.uniform(1.4, 2.4), rng)


def _over(plan: Plan, s: float, speed: float, rng: np.random.Generator) -> Track:
    drift = _side(rng) * speed
    d = rng.uniform(-8, 8) - drift * rng.uniform(0, plan.duration)
    return Track(plan.road, s, d, drift=drift, facing=np.sign(drift) * np.pi / 2)


def side_crossing(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot over a crossing of the side street."""
    if plan.road.mouth is None:
        return crossing(plan, rng)
    drift = _side(rng) * rng.uniform(0.9, 1.7)
    d = rng.uniform(-5, 5) - drift * rng.uniform(0, plan.duration)
    s = _side(rng) * (KERB + rng.uniform(1.3, 3.5))
    return Track(plan.road.side_street(), s, d, drift=drift, facing=np.sign(drift) * np.pi / 2)


def cycle_lane(plan: Plan, rng: np.random.Generator) -> Track:
    """Riding between the outer lane and the parked cars, on either side."""
    side = _side(rng)
    speed, d = -side * rng.uniform(3.0, 6.5), side * (-CYCLE_LANE + rng.uniform(-0.1, 0.1))
    pace = plan.paces.get(LANES[0], STEADY) if rng.random() < 0.5 else STEADY
    return Track(plan.road, plan.meet(rng, speed, pace), d, speed, facing=_ahead(-side), pace=pace)


def works(plan: Plan, rng: np.random.Generator) -> Track:
    """Inside the road works."""
    s, side = plan.works
    low, high = (4.6, 8.8) if plan.lane_closed else (SIDEWALK_END + 2.5, 24)
    facing = rng.integers(2) * np.pi + rng.normal(0, 0.2)
    return Track(plan.road, s + rng.uniform(2, 24), side * rng.uniform(low, high), facing=facing)


def works_anywhere(plan: Plan, rng: np.random.Generator) -> Track:
    """Inside the road works, facing anywhere (workers, loose cones)."""
    track = works(plan, rng)
    return Track(plan.road, track.s, track.d, facing=rng.uniform(-np.pi, np.pi))


def edge(plan: Plan, rng: np.random.Generator) -> Track:
    """At an edge of pavement or parking strip, across the walking direction (barriers, cones)."""
    d = _side(rng) * float(rng.choice([PARKING - 0.9, KERB + 0.4, SIDEWALK_END + 0.6]))
    return Track(plan.road, plan.meet(rng), d, facing=np.pi / 2 + rng.normal(0, 0.06))


def works_row(
    plan: Plan, index: int, rng: np.random.Generator, *, step: float, offset: float, facing: float = 0.0
) -> Track:
    """The ``index``-th place of a row along the road side of the works, ``offset`` m inside it."""
    s, side = plan.works
    line = 3.75 if plan.lane_closed else SIDEWALK_END + 0.7
    return Track(
        plan.road,
        s + step * index + rng.uniform(-0.05, 0.05),
        side * (line + offset),
        facing=facing + rng.normal(0, 0.04),
    )


def _stroll(plan: Plan, rng: np.random.Generator) -> Pace:
    """How those on foot go: most steadily; some stand, some stop, some start."""
    time = rng.uniform(0, plan.duration)
    paces = STEADY, STANDING, stopping(time, 0.7, 60.0, 1.0), Pace((time, time + 0.7), (0.0, 1.0))
    return paces[rng.choice(4, p=[0.55, 0.25, 0.1, 0.1])]


def _side(rng: np.random.Generator) -> int:
    return int(rng.integers(2)) * 2 - 1


def _ahead(way: int) -> float:
    """Facing of what goes with (+1) or against (-1) the road."""
    return 0.0 if way > 0 else np.pi


Zone = Callable[[Plan, np.random.Generator], Track]

TRAFFIC: tuple[Zone, ...] = (lane, side_lane, bus_stop)
"""Who stands here means to go on."""
RIDING: tuple[Zone, ...] = (lane, side_lane, cycle_lane)
DISTANT: tuple[Zone, ...] = (side_lane, side_parking, side_pavement, side_crossing, waiting)
"""They may lie far from the ego vehicle's path."""

# Where each class is looked for, with its odds.
HABITATS: dict[str, tuple[tuple[Zone, float], ...]] = {
    'car': ((lane, 0.42), (parking, 0.14), (lot, 0.12), (side_lane, 0.2), (side_parking, 0.12)),
    'truck': ((lane, 0.5), (parking, 0.15), (lot, 0.2), (side_lane, 0.15)),
    'trailer': ((lot, 0.75), (parking, 0.25)),
    'bus': ((lane, 0.4), (bus_stop, 0.3), (lot, 0.2), (side_lane, 0.1)),
    'construction_vehicle': ((works, 0.7), (lot, 0.3)),
    'bicycle': ((cycle_lane, 0.4), (lane, 0.05), (side_lane, 0.15), (pavement_parked, 0.4)),
    'motorcycle': ((lane, 0.4), (side_lane, 0.15), (parking, 0.2), (pavement_parked, 0.25)),
    'pedestrian': ((pavement, 0.44), (crossing, 0.14), (anywhere, 0.06), (side_crossing, 0.1),
                   (side_pavement, 0.06), (waiting, 0.1), (works_anywhere, 0.1)),
    'traffic_cone': ((works_anywhere, 0.2), (edge, 0.8)),
    'barrier': ((edge, 1.0),),
}  # fmt: skip
