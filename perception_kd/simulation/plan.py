"""What is decided about a street before it is filled: its shape, its traffic, the drive of the ego vehicle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from perception_kd.simulation.pace import STANDING, STEADY, Pace, slowing, stopping
from perception_kd.simulation.presets import WorldPreset
from perception_kd.simulation.road import LANES, SIDE_KERB, ZEBRA, Road, Track

CLOSE, NEAR, FAR = 13.0, 22.0, 48.0
"""Most things are drawn within NEAR m along the road from where the ego vehicle will be, some within FAR; the
first of each class within CLOSE."""
_SHARE_NEAR = 0.75
_TO_STOP_LINE, _STOP_LINE = 4.6, 1.6
"""From the rear axle of the waiting ego vehicle to the stop line, and from there to the crossing."""
_TO_CROSSROADS = SIDE_KERB + 1.5 + ZEBRA
"""From the beginning of the first crossing to the middle of the side street."""
_BEFORE_WORKS, _WORKS = 8.0, 27.0
_MOODS = {'flow': 0.4, 'slow': 0.15, 'stop': 0.2, 'start': 0.15, 'stand': 0.1}
"""What the traffic light, or whoever drives ahead, makes the ego vehicle do, with its odds."""


@dataclass(frozen=True)
class Plan:
    """What is decided about a street before it is filled.

    Args:
        road: The road.
        ego: Track of the ego vehicle's rear axle.
        duration: Seconds that the scene lasts.
        lane_speeds: Full speed ds/dt of each open lane, by its d.
        lots: Sides (+1 left, -1 right) with an open lot instead of houses at the pavement.
        works: s where the road works begin, and their side.
        lane_closed: The works take the outer lane of their side.
        close: Draw places close to the ego vehicle only.
        paces: Share of the full speed in each lane; steady where none is given.
        stop: s and side of the bus stop.
    """

    road: Road
    ego: Track
    duration: float
    lane_speeds: Mapping[float, float]
    lots: frozenset[int]
    works: tuple[float, int]
    lane_closed: bool
    close: bool = False
    paces: Mapping[float, Pace] = field(default_factory=dict)
    stop: tuple[float, int] = (0.0, -1)

    def meet(self, rng: np.random.Generator, speed: float = 0.0, pace: Pace = STEADY) -> float:
        """An s at time 0 such that the thing is near the ego vehicle at some instant of the scene."""
        time = rng.uniform(0, self.duration)
        reach = CLOSE if self.close else NEAR if rng.random() < _SHARE_NEAR else FAR
        there = float(self.ego.place(time)[0])
        return there - speed * float(pace.covered(time)) + rng.uniform(-reach, reach)

    def red(self, time: np.ndarray | float) -> np.ndarray:
        """Whether (...) traffic lights show red to the main road, and green to the side street, at ``time`` (...) in s.

        They do where the ego vehicle brakes to a stand, and until it is about to start.
        """
        pace = self.ego.pace
        now, soon = pace.share(time), pace.share(np.asarray(time) + 0.3)
        return (min(pace.shares) == 0) & (((now < 0.02) & (soon < 0.02)) | (soon < now))


def draw_plan(preset: WorldPreset, rng: np.random.Generator) -> Plan:
    """Road shape, drive and lanes, side street, open lots, road works and bus stop of a street."""
    duration = preset.duration
    mood = str(rng.choice(list(_MOODS), p=list(_MOODS.values())))
    speed = rng.uniform(*preset.ego_speed)
    pace = _draw_pace(mood, speed, duration, rng)
    travel = speed * float(pace.covered(duration))
    road = _draw_road(mood, speed, pace, travel, duration, rng)
    ego = Track(road, -travel / 2, LANES[0], speed, pace=pace)
    lots = frozenset([(-1,), (1,), (-1, 1)][rng.integers(3)])
    lane_closed = bool(rng.random() < 0.3)
    side = -1 if lane_closed else int(rng.choice(sorted(lots)))
    speeds, paces = _draw_lanes(mood, ego, lane_closed, rng)
    works = _beside_crossroads(road, rng.uniform(-4, 0.6 * travel) - travel / 2), side
    stop = _beside_crossroads(road, rng.uniform(-8, travel + 8) - travel / 2), -side
    return Plan(road, ego, duration, speeds, lots, works, lane_closed, paces=paces, stop=stop)


def _draw_pace(mood: str, speed: float, duration: float, rng: np.random.Generator) -> Pace:
    brake, start = speed / rng.uniform(1.5, 2.5), speed / rng.uniform(1.2, 2.0)
    early, late = rng.uniform(0, 0.35) * duration, rng.uniform(0.2, 0.5) * duration
    if mood == 'stop':
        return stopping(early, brake, late, start)
    if mood == 'slow':
        return slowing(early, 0.6 * brake, 0.5 * late, 0.6 * start, rng.uniform(0.3, 0.6))
    if mood == 'start':
        return Pace((late, late + start), (0.0, 1.0))
    return STANDING if mood == 'stand' else STEADY


def _draw_road(
    mood: str, speed: float, pace: Pace, travel: float, duration: float, rng: np.random.Generator
) -> Road:
    """A road with s = 0 in the middle of the drive; most have a side street, where those who wait wait."""
    start, end = -travel / 2 - 110.0, travel / 2 + 130.0
    tightest = max(90.0, (end - start) / 2.6)
    curvature = float(rng.choice([0.0, 1.0, -1.0], p=[0.4, 0.3, 0.3])) / rng.uniform(tightest, 2.2 * tightest)
    if mood in ('stop', 'start', 'stand'):
        waits = pace.times[1] if mood == 'stop' else 0.0
        queue = 6.5 * (rng.random() < 0.3)
        crossing = -travel / 2 + speed * float(pace.covered(waits)) + _TO_STOP_LINE + _STOP_LINE + queue
    else:
        crossing = rng.uniform(0.3 * travel, travel + 10) - travel / 2
    mouth = (crossing + _TO_CROSSROADS, SIDE_KERB) if rng.random() < 0.8 else None
    return Road(curvature, start, end, crossing, mouth)


def _draw_lanes(
    mood: str, ego: Track, closed: bool, rng: np.random.Generator
) -> tuple[dict[float, float], dict[float, Pace]]:
    """Speeds and paces of the open lanes: a red light is red for all, otherwise each lane goes as it likes."""
    speeds = {LANES[0]: ego.speed, LANES[1]: ego.speed * rng.uniform(0.7, 1.3),
              LANES[2]: -rng.uniform(0.7, 1.4) * ego.speed, LANES[3]: -rng.uniform(0.6, 1.1) * ego.speed}  # fmt: skip
    paces = dict.fromkeys(LANES, ego.pace)
    if mood in ('flow', 'slow'):
        for lane in LANES[1:]:
            paces[lane] = STANDING if rng.random() < 0.15 else STEADY
    if closed:
        del speeds[LANES[1]]
    return speeds, paces


def _beside_crossroads(road: Road, s: float) -> float:
    """The place next to ``s`` where works and bus stops leave the crossings free."""
    first, last = road.crossings[0], road.crossings[-1] + ZEBRA
    before, after = first - _WORKS - 2.0, last + _BEFORE_WORKS + 2.0
    if s < before or s > after:
        return s
    return before if s - before < after - s else after
