"""Which things fly in a sequence, and where."""

from dataclasses import dataclass, replace

import numpy as np

from perception_kd.simulation.uav.bodies.birds import FLOCKING, bird
from perception_kd.simulation.uav.bodies.body import Body
from perception_kd.simulation.uav.bodies.helicopters import helicopter
from perception_kd.simulation.uav.bodies.multirotors import multirotor
from perception_kd.simulation.uav.bodies.planes import airliner, fixed_wing_drone, light_aircraft
from perception_kd.simulation.uav.cameraman import CameraPath, Lens
from perception_kd.simulation.uav.flight import Attitude, Flight, draw_sway
from perception_kd.simulation.uav.panorama import Panorama
from perception_kd.simulation.uav.target import Target

CATEGORIES = ('drone', 'bird', 'airplane', 'helicopter')
_CLEARANCE = 2.0
"""m above the ground at least."""


@dataclass(frozen=True)
class Stage:
    """Where things fly.

    Args:
        lens: The camera.
        path: Where it looks.
        seconds: Length of the sequence.
        height: Of the camera above the ground in m.
        side: Range of target sides in px.
        wind: (3,) m/s.
    """

    lens: Lens
    path: CameraPath
    seconds: float
    height: float
    side: tuple[float, float]
    wind: np.ndarray


def draw_cast(rng: np.random.Generator, drones: bool, empty: bool) -> list[list[Body]]:
    """Groups of bodies that fly together; the first is what the camera may follow."""
    if empty:
        return []
    groups = []
    if drones:
        for _ in range(int(rng.choice([1, 2, 3], p=[0.78, 0.15, 0.07]))):
            groups.append([multirotor(rng) if rng.random() < 0.78 else fixed_wing_drone(rng)])
    shares = (0.3, 0.08, 0.1, 0.1) if drones else (0.45, 0.28, 0.35, 0.3)
    wanted = rng.random(4) < shares
    if not drones and not wanted.any():
        wanted[rng.integers(4)] = True
    if wanted[0]:
        groups += [[bird(rng)] for _ in range(int(rng.integers(1, 4)))]
    if wanted[1]:
        species = str(rng.choice(FLOCKING))
        groups.append([bird(rng, species) for _ in range(int(rng.integers(3, 11)))])
    if wanted[2]:
        groups.append([airliner(rng) if rng.random() < 0.65 else light_aircraft(rng)])
    if wanted[3]:
        groups.append([helicopter(rng)])
    if not drones:
        rng.shuffle(groups)
    return groups


def place_group(rng: np.random.Generator, stage: Stage, bodies: list[Body], first: int, *, led: bool,
                behind: tuple[np.ndarray, float] | None = None) -> list[Target]:  # fmt: skip
    """A group on its way through the view.

    Args:
        rng: Draws it.
        stage: Where.
        bodies: One, or a flock.
        first: Track of the first one.
        led: The camera follows the first one, which may then go far.
        behind: A place (2,) in the picture and the distance of something there that it is to pass behind.
    """
    lens, body, side = stage.lens, bodies[0], draw_side(rng, stage.side, len(bodies))
    spot = rng.uniform((0.1, 0.08), (0.9, 0.86)) * (lens.width, lens.height) if behind is None else behind[0]
    if led:
        spot = rng.uniform((0.3, 0.25), (0.7, 0.7)) * (lens.width, lens.height)
    ray = stage.path.rotation(0.0) @ lens.rays(spot)
    ray /= np.linalg.norm(ray)
    heading = rng.uniform(-np.pi, np.pi)
    attitude = Attitude(body.kind, heading, rng.normal(0, 0.25), rng.uniform(0.01, 0.04), tuple(stage.wind))
    climb = {'hover': rng.normal(0, 0.15), 'wing': rng.normal(0, 0.08), 'flap': rng.normal(0, 0.1)}[body.kind]
    course = np.array([np.sin(heading), -climb, np.cos(heading)])
    distance = _distance(body, attitude, Flight.straight(ray, 10.0 * course), lens, side)
    if behind is not None and side * distance > 1.15 * behind[1] * stage.side[0]:  # else it stays before that
        distance = max(distance, 1.15 * behind[1])
    speed = _speed(rng, stage, body, course, ray, distance, led)
    lift = max(0.0, ray[1] * distance - (stage.height - _CLEARANCE))
    start = ray * distance - np.array([0, lift, 0])
    # what sways does not come much nearer or go much farther
    reach = min(0.12 * distance, rng.uniform(0.2, 1) * 0.15 * lens.width / lens.focal * distance)
    reach = min(reach, 2.0 * stage.seconds) if body.kind == 'hover' else min(reach, 0.6 * stage.seconds)
    sway, pace, phase = draw_sway(rng, reach, stage.seconds)
    sway -= 0.6 * np.outer(sway @ ray, ray)
    flight = _fitted(Flight(start, speed, sway, pace, phase), body, attitude, stage)
    return [Target(one, flight if number == 0 else _beside(rng, flight, bodies[0], number), attitude, first + number)
            for number, one in enumerate(bodies)]


def draw_side(rng: np.random.Generator, side: tuple[float, float], flock: int = 1) -> float:
    """px, log-uniform; birds of a flock are small."""
    most = side[1] if flock == 1 else min(side[1], 22.0)
    return float(np.exp(rng.uniform(np.log(side[0] * 1.08), np.log(most * 0.9))))


def _distance(body: Body, attitude: Attitude, flight: Flight, lens: Lens, side: float, time: float = 0.0) -> float:
    """m at which the root of the area of its box is ``side`` px."""
    ray = flight.position(time) / np.linalg.norm(flight.position(time))
    across = np.cross(ray, (0, 1, 0))
    across /= np.linalg.norm(across)
    points = body.outline(time) @ attitude.rotation(flight, time).T
    box = np.ptp(points @ across) * np.ptp(points @ np.cross(ray, across))
    return lens.focal * float(np.sqrt(box)) / side


def _fitted(flight: Flight, body: Body, attitude: Attitude, stage: Stage) -> Flight:
    """The flight nearer or farther, as it must be for the sides on its way to lie in the range."""
    times = np.linspace(-0.5, 0.5, 7) * stage.seconds
    sides = np.array([_distance(body, attitude, flight, stage.lens, np.linalg.norm(flight.position(time)), time)
                      for time in times])  # fmt: skip
    shrink = max(float(sides.max()) / (0.97 * stage.side[1]), 1.0)
    grow = max(1.05 * stage.side[0] / float(sides.min()), 1.0)
    return replace(flight, place=flight.place * (shrink if shrink > 1 else 1 / min(grow, 2.0)))


def _speed(rng: np.random.Generator, stage: Stage, body: Body, course: np.ndarray, ray: np.ndarray, distance: float,
           led: bool) -> np.ndarray:  # fmt: skip
    """(3,) m/s: as the body flies, but not out of the view at once, nor much nearer or farther."""
    speed = rng.uniform(*body.speed) * course / np.linalg.norm(course)
    if body.kind != 'hover':
        speed = speed + stage.wind
    toward = float(speed @ ray)
    aside = np.linalg.norm(speed - toward * ray)
    way = rng.uniform(0.8, 1.6) if led else rng.uniform(0.25, 0.85)  # pictures' widths in the whole time
    most = way * stage.lens.width / stage.lens.focal * distance / stage.seconds
    nearer = 0.12 * 2 * distance / stage.seconds
    return speed * min(1.0, most / max(aside, 1e-6), nearer / max(abs(toward), 1e-6))


def _beside(rng: np.random.Generator, flight: Flight, leader: Body, number: int) -> Flight:
    """The way of another one of a flock."""
    span = float(np.ptp(leader.outline(0.0)[:, 0]))
    offset = rng.normal(0, 1, 3) * (1, 0.6, 1) * span * (1.5 + 0.8 * number**0.7)
    distance = np.linalg.norm(flight.place)
    ray = flight.place / distance  # none comes much nearer than the leader
    offset += (np.clip(offset @ ray, -0.15 * distance, 0.3 * distance) - offset @ ray) * ray
    return replace(flight, place=flight.place + offset, sway=flight.sway * rng.uniform(0.7, 1.3),
                   phase=flight.phase + rng.normal(0, 0.25, flight.phase.shape))  # fmt: skip


def edge_of_layers(rng: np.random.Generator, panorama: Panorama, lens: Lens,
                   path: CameraPath) -> tuple[np.ndarray, float] | None:  # fmt: skip
    """A place (2,) in the picture of time 0 at the edge of something near, with its distance in m; None if there is
    none."""
    places = panorama.place(lens, path.rotation(0.0))
    options = []
    for layer in panorama.layers:
        if layer.distance > 400:
            continue
        alone = replace(panorama, layers=(layer,))
        found = alone.before(places[::8, ::8], np.inf)
        if found is not None:
            rows, columns = np.nonzero((found[1] > 0.15) & (found[1] < 0.9))
            keep = rows * 8 < 0.8 * lens.height
            options += [(8.0 * column, 8.0 * row, layer.distance) for row, column in zip(rows[keep], columns[keep])]
    if not options:
        return None
    x, y, distance = options[rng.integers(len(options))]
    return np.array([x, y]), distance
