"""Where trees, lamps, signs, fences, shelters and the like stand along a street."""

import numpy as np

from perception_kd.simulation import props
from perception_kd.simulation.mesh import Mesh
from perception_kd.simulation.plan import Plan
from perception_kd.simulation.poses import yaw_matrix
from perception_kd.simulation.road import CORNER, KERB, SIDE_KERB, SIDEWALK_END, ZEBRA, Road

_POST = (0.3, 0.3)
"""Half length and width of the footprint of what is slim."""
_STRIP = KERB + 0.45
"""Offset of the posts along the kerb."""


class Roadside:
    """Collects what stands there.

    Attributes:
        meshes: In the world frame.
        obstacles: (N, 5) x, y, yaw, half length, half width.
        lamps: (M, 3) where the lamps shine from.
    """

    def __init__(self) -> None:
        self.meshes: list[Mesh] = []
        self._rows: list[list[float]] = []
        self._lamps: list[np.ndarray] = []

    @property
    def obstacles(self) -> np.ndarray:
        """Footprints (N, 5)."""
        return np.array(self._rows, float).reshape(-1, 5)

    @property
    def lamps(self) -> np.ndarray:
        """Heads of the lamps (M, 3)."""
        return np.array(self._lamps, float).reshape(-1, 3)

    def add(self, mesh: Mesh, road: Road, s: float, d: float, turn: float, half: tuple[float, float] = _POST) -> None:
        """Put ``mesh`` at (s, d) of a road, its front turned by ``turn`` against the road's heading."""
        x, y, heading = (float(value) for value in road.to_world(s, d))
        rotation, place = yaw_matrix(heading + turn), np.array([x, y, float(road.height(s, d))])
        self.meshes.append(mesh.moved(rotation, place))
        self._rows.append([x, y, heading + turn, *half])

    def add_lamp(self, road: Road, s: float, d: float) -> None:
        """A lamp that reaches over the road."""
        turn = -np.sign(d) * np.pi / 2
        self.add(props.lamp(), road, s, d, turn)
        x, y, heading = (float(value) for value in road.to_world(s, d))
        foot = np.array([x, y, float(road.height(s, d))])
        self._lamps.append(foot + yaw_matrix(heading + turn) @ props.LAMP_HEAD)


def furnish(plan: Plan, rng: np.random.Generator) -> Roadside:
    """Everything beside the roadways of a street."""
    there = Roadside()
    _bus_stop(there, plan)
    _crossings(there, plan)
    for side in (-1, 1):
        _kerbside(there, plan, side, rng)
        if side in plan.lots:
            _lot_edge(there, plan, side, rng)
    if plan.road.mouth is not None:
        _side_street(there, plan.road, rng)
        _railings(there, plan.road, rng)
    return there


def _free(plan: Plan, s: float, reach: float) -> bool:
    """Whether a thing of ``reach`` m along the kerb leaves crossings, side street and bus stop free."""
    first, last = plan.road.crossings[0] - 1.0, plan.road.crossings[-1] + ZEBRA + 1.0
    return (s + reach < first or s - reach > last) and abs(s - plan.stop[0]) > reach + 5.0


def _inward(side: int) -> float:
    """Turn of what faces the road from its left (+1) or right (-1) side."""
    return -side * np.pi / 2


def _kerbside(there: Roadside, plan: Plan, side: int, rng: np.random.Generator) -> None:
    """Lamps, trees, bins, cabinets and benches along one kerb; trees on the lot."""
    road = plan.road
    for s in np.arange(road.start + 12, road.end - 12, 26.0):
        if _free(plan, s + 3 * side, 0.3):
            there.add_lamp(road, s + 3 * side, side * _STRIP)
        for offset in (8.0, 17.0):
            spot = s + offset + rng.uniform(-1, 1)
            if rng.random() < 0.75 and _free(plan, spot, 1.0):
                there.add(props.tree(rng), road, spot, side * (KERB + 1.1), rng.uniform(0, 6))
        for make, d, half in ((props.bin_, 0.7, _POST), (props.bench, 3.6, (0.4, 0.95)),
                              (lambda: props.cabinet(rng), 3.9, (0.3, 0.6))):  # fmt: skip
            spot = s + rng.uniform(0, 26)
            if rng.random() < 0.3 and _free(plan, spot, 2.0):
                there.add(make(), road, spot, side * (KERB + d), _inward(side), half)
        if side in plan.lots and rng.random() < 0.5:
            spot, depth = s + rng.uniform(0, 20), rng.uniform(SIDEWALK_END + 4, 29)
            if _beside_street(road, spot, side * depth, 2.0):
                there.add(props.tree(rng), road, spot, side * depth, rng.uniform(0, 6))


def _beside_street(road: Road, s: float, d: float, reach: float) -> bool:
    """Whether it leaves the side street and its pavements free."""
    return road.mouth is None or abs(float(road.along(s, d))) > SIDE_KERB + CORNER + reach


def _lot_edge(there: Roadside, plan: Plan, side: int, rng: np.random.Generator) -> None:
    """Hedges, walls, guard rails and fences between pavement and lot, with entrances."""
    road, s = plan.road, plan.road.start + 5.0
    works_s, works_side = plan.works
    while s < road.end - 15:
        length = rng.uniform(5, 13)
        kind = int(rng.choice(4, p=[0.4, 0.2, 0.2, 0.2]))
        middle, d = s + length / 2, side * (SIDEWALK_END + 0.3)
        at_works = side == works_side and works_s - 10 - length / 2 < middle < works_s + 28 + length / 2
        if not at_works and _beside_street(road, middle, d, length / 2 + 1):
            # A straight piece beside a bend stays within its sagitta of the line.
            mesh = (lambda n: props.hedge(n, rng), lambda n: props.wall(n, rng), props.rail, props.fence)[kind](length)
            there.add(mesh, road, middle, d, _inward(side), (0.4 if kind == 0 else 0.2, length / 2))
        s += length + rng.uniform(3.5, 9)


def _bus_stop(there: Roadside, plan: Plan) -> None:
    s, side = plan.stop
    there.add(props.shelter(), plan.road, s, side * (KERB + 2.5), _inward(side), (0.9, 2.9))


def _crossings(there: Roadside, plan: Plan) -> None:
    """Signs or traffic lights where the traffic meets a crossing; bollards beside it."""
    road = plan.road
    first, last = road.crossings[0] - 0.9, road.crossings[-1] + ZEBRA + 0.9
    for side, s in ((-1, first), (1, last)):
        mesh = props.sign() if road.mouth is None else props.signal(6.0)
        there.add(mesh, road, s, side * (KERB + 0.5), np.pi if side < 0 else 0.0)  # They face the traffic.
    for side in (-1, 1):
        for s in (first - 1.4, first - 2.8, last + 1.4, last + 2.8):
            there.add(props.bollard(), road, s, side * (KERB + 0.4), 0.0, (0.1, 0.1))


def _side_street(there: Roadside, road: Road, rng: np.random.Generator) -> None:
    """Lights at its stop lines, lamps, trees."""
    street = road.side_street()
    for way in (-1, 1):
        there.add(props.signal(0.0), street, -way * (KERB + 5.2), -way * (SIDE_KERB + 0.45), np.pi if way > 0 else 0.0)
        for s in (26.0, 52.0, 78.0):
            there.add_lamp(street, way * s, rng.choice([-1, 1]) * (SIDE_KERB + 0.45))
        for s in (20.0, 33.0, 41.0, 62.0):
            if rng.random() < 0.5:
                there.add(props.tree(rng), street, way * s, rng.choice([-1, 1]) * (SIDE_KERB + 0.8), rng.uniform(0, 6))


def _railings(there: Roadside, road: Road, rng: np.random.Generator) -> None:
    """Railings that keep those on foot from the corners of the crossroads."""
    for side in (-1, 1):
        for ahead in (-1, 1):
            if rng.random() < 0.5:
                s = road.cut(side * KERB, ahead * (SIDE_KERB + CORNER + ZEBRA + 5.5))
                there.add(props.fence(5.0), road, s, side * (KERB + 0.35), _inward(side), (0.1, 2.5))
