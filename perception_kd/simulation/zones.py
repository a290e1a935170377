"""Where things may stand or move: each zone draws a track near the ego vehicle's path."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.road import CYCLE_LANE, KERB, PARKING, SIDEWALK_END, Road, Track

CLOSE, NEAR, FAR = 13.0, 22.0, 48.0
"""Most things are drawn within NEAR m along the road from where the ego vehicle will be, some within FAR; the
first of each class within CLOSE."""
_SHARE_NEAR = 0.75


@dataclass(frozen=True)
class Plan:
    """What is decided about a street before it is filled.

    Args:
        road: The road.
        ego: Track of the ego vehicle's rear axle.
        duration: Seconds that the scene lasts.
        lane_speeds: ds/dt of each open lane, by its d.
        lots: Sides (+1 left, -1 right) with an open lot instead of houses at the pavement.
        works: s where the road works begin, and their side.
        lane_closed: The works take the outer lane of their side.
        close: Draw places close to the ego vehicle only.
    """

    road: Road
    ego: Track
    duration: float
    lane_speeds: dict[float, float]
    lots: frozenset[int]
    works: tuple[float, int]
    lane_closed: bool
    close: bool = False

    def meet(self, rng: np.random.Generator, speed: float = 0.0) -> float:
        """An s at time 0 such that the thing is near the ego vehicle at some instant of the scene."""
        time = rng.uniform(0, self.duration)
        reach = CLOSE if self.close else NEAR if rng.random() < _SHARE_NEAR else FAR
        return self.ego.s + (self.ego.speed - speed) * time + rng.uniform(-reach, reach)


def lane(plan: Plan, rng: np.random.Generator) -> Track:
    """In traffic."""
    d = float(rng.choice(list(plan.lane_speeds)))
    speed = plan.lane_speeds[d]
    facing = 0.0 if d < 0 else np.pi
    return Track(plan.road, plan.meet(rng, speed), d + rng.uniform(-0.25, 0.25), speed, facing=facing)


def parking(plan: Plan, rng: np.random.Generator) -> Track:
    """Parked along the kerb, nearly straight."""
    side = _side(rng)
    facing = (0.0 if side < 0 else np.pi) + rng.normal(0, 0.02)
    return Track(plan.road, plan.meet(rng), side * PARKING, facing=facing)


def lot(plan: Plan, rng: np.random.Generator) -> Track:
    """On an open lot, along or across the road."""
    side = int(rng.choice(sorted(plan.lots)))
    facing = rng.integers(4) * np.pi / 2 + rng.normal(0, 0.08)
    depth = rng.uniform(SIDEWALK_END + 2, 19 if plan.close else 28)
    return Track(plan.road, plan.meet(rng), side * depth, facing=facing)


def pavement(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot along the pavement; one in three stands."""
    side = _side(rng)
    speed = 0.0 if rng.random() < 0.33 else float(rng.choice([-1, 1])) * rng.uniform(0.8, 1.7)
    facing = rng.uniform(-np.pi, np.pi) if speed == 0 else (0.0 if speed > 0 else np.pi)
    d = side * rng.uniform(KERB + 0.7, SIDEWALK_END - 0.5)
    return Track(plan.road, plan.meet(rng, speed), d, speed, facing=facing)


def pavement_parked(plan: Plan, rng: np.random.Generator) -> Track:
    """A cycle left on the pavement."""
    d = _side(rng) * rng.uniform(KERB + 0.9, SIDEWALK_END - 0.7)
    return Track(plan.road, plan.meet(rng), d, facing=rng.uniform(-np.pi, np.pi))


def crossing(plan: Plan, rng: np.random.Generator) -> Track:
    """On foot over the crossing."""
    drift = float(rng.choice([-1, 1])) * rng.uniform(0.9, 1.7)
    s = plan.road.crossing + rng.uniform(0.3, 3.2)
    d = rng.uniform(-8, 8) - drift * rng.uniform(0, plan.duration)
    return Track(plan.road, s, d, drift=drift, facing=np.sign(drift) * np.pi / 2)


def cycle_lane(plan: Plan, rng: np.random.Generator) -> Track:
    """Riding between the outer lane and the parked cars, on either side."""
    side = _side(rng)
    speed = -side * rng.uniform(3.0, 5.5)
    return Track(
        plan.road,
        plan.meet(rng, speed),
        side * (-CYCLE_LANE + rng.uniform(-0.1, 0.1)),
        speed,
        facing=0.0 if speed > 0 else np.pi,
    )


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
        s + step * index + rng.uniform(-0.15, 0.15),
        side * (line + offset),
        facing=facing + rng.normal(0, 0.05),
    )


def _side(rng: np.random.Generator) -> int:
    return int(rng.integers(2)) * 2 - 1


Zone = Callable[[Plan, np.random.Generator], Track]

# Where each class is looked for, with its odds.
HABITATS: dict[str, tuple[tuple[Zone, float], ...]] = {
    'car': ((lane, 0.5), (parking, 0.35), (lot, 0.15)),
    'truck': ((lane, 0.55), (parking, 0.2), (lot, 0.25)),
    'trailer': ((lot, 0.75), (parking, 0.25)),
    'bus': ((lane, 0.6), (parking, 0.2), (lot, 0.2)),
    'construction_vehicle': ((works, 0.7), (lot, 0.3)),
    'bicycle': ((cycle_lane, 0.45), (lane, 0.1), (pavement_parked, 0.45)),
    'motorcycle': ((lane, 0.5), (parking, 0.2), (pavement_parked, 0.3)),
    'pedestrian': ((pavement, 0.6), (crossing, 0.25), (works_anywhere, 0.15)),
    'traffic_cone': ((works_anywhere, 0.2), (edge, 0.8)),
    'barrier': ((edge, 1.0),),
}
