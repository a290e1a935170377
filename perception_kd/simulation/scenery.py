"""The ground of a street: roadways, kerbs, pavements with rounded corners, and what lies behind them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from perception_kd.simulation import materials as m
from perception_kd.simulation.mesh import Mesh, Surface, merge
from perception_kd.simulation.primitives import box, strip
from perception_kd.simulation.road import CORNER, KERB, KERB_HEIGHT, SIDE_KERB, SIDE_REACH, SIDEWALK_END, Road

_STONE = 0.25
"""Width of the kerb stones."""
_STEP, _DEPTH = 4.0, 100.0
_UNDER = 0.008
"""The side street passes under the main roadway, this much lower; so no seam between them can gape."""
_ARC = np.linspace(0, np.pi / 2, 7)


class _Stretch(NamedTuple):
    """A part of the road before (-1) or behind (+1) the crossroads, or all of it (0)."""

    road: Road
    part: int

    def s(self, d: float) -> np.ndarray:
        """Samples (N,) of s along offset ``d``; the line of the corner is straight in the world."""
        road, gap = self.road, SIDE_KERB + CORNER
        low = road.cut(d, gap) if self.part > 0 else road.start
        high = road.cut(d, -gap) if self.part < 0 else road.end
        return np.linspace(low, high, max(2, round(abs(high - low) / _STEP)))


def ground(road: Road, lots: set[int]) -> Mesh:
    """Roadways, kerbs, pavements, what lies behind them (a paved lot or a lawn), and a lawn all around."""
    s = np.arange(road.start, road.end + 1e-6, _STEP)
    parts = [
        box((1400, 1400, 0.2), (0, 0, -0.16), m.LAWN),
        _strip(_Edge(road, s, KERB + 0.1, 0.0), _Edge(road, s, -KERB - 0.1, 0.0), m.ROADWAY),
    ]
    for part in (0,) if road.mouth is None else (-1, 1):
        for side in (-1, 1):
            parts += _pavement(_Stretch(road, part), side, m.ASPHALT if side in lots else m.LAWN)
    if road.mouth is not None:
        parts += _side_street(road)
    return merge(parts)


class _Edge(NamedTuple):
    """A line at offset ``d`` and height ``z``; textures are laid out along the road."""

    road: Road
    s: np.ndarray
    d: float
    z: float

    @property
    def points(self) -> np.ndarray:
        return self.road.line(self.s, self.d, self.z)

    @property
    def uv(self) -> np.ndarray:
        return np.stack([self.s, 0 * self.s + self.d], 1)


def _strip(a: _Edge, b: _Edge, surface: Surface) -> Mesh:
    """Flat ribbon between two edges, facing up whichever of them is the left one."""
    left, right = (a, b) if a.d > b.d else (b, a)
    return strip(left.points, right.points, left.uv, right.uv, surface)


def _pavement(stretch: _Stretch, side: int, behind: Surface) -> Iterator[Mesh]:
    """Kerb face, kerb stones, pavement and the ground behind, on one side of a stretch."""
    road = stretch.road
    inside = road.curvature * side > 0
    depth = min(_DEPTH, 1 / abs(road.curvature) - 25) if inside else _DEPTH
    offsets = KERB, KERB + _STONE, SIDEWALK_END, depth
    edges = [_Edge(road, stretch.s(side * d), side * d, KERB_HEIGHT) for d in offsets]
    yield _face(edges[0], side)
    for near, far, surface in zip(edges[:-1], edges[1:], (m.KERB, m.SIDEWALK, behind)):
        count = max(len(near.s), len(far.s))
        near, far = (edge._replace(s=np.linspace(edge.s[0], edge.s[-1], count)) for edge in (near, far))
        yield _strip(near, far, surface)


def _face(edge: _Edge, side: int) -> Mesh:
    """The upright side of kerb stones, seen from the roadway."""
    return _wall(edge.points, -side)


def _wall(top: np.ndarray, side: int) -> Mesh:
    """From a line (N, 3) down to the roadway, seen from its left (+1) or right (-1) side."""
    low = top - [0, 0, KERB_HEIGHT + 2 * _UNDER]
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(top, axis=0), axis=1))])
    left, right = (low, top) if side > 0 else (top, low)
    return strip(left, right, np.stack([along, 0 * along], 1), np.stack([along, 0 * along + 0.15], 1), m.KERB)


def _side_street(road: Road) -> Iterator[Mesh]:
    """Its roadway below the main one, its pavements, and the four corners."""
    street = road.side_street()
    s = np.linspace(-SIDE_REACH, SIDE_REACH, 48)
    half = SIDE_KERB + 0.1
    yield _strip(_Edge(street, s, half, -_UNDER), _Edge(street, s, -half, -_UNDER), m.SIDE_ROADWAY)
    x, y, heading = street.origin
    reach = np.array([-KERB - 5.0, KERB + 5.0])
    wide = SIDE_KERB + CORNER + 0.1
    yield _strip(_Edge(street, reach, wide, -2 * _UNDER), _Edge(street, reach, -wide, -2 * _UNDER), m.ASPHALT)
    for side in (-1, 1):
        for ahead in (-1, 1):
            corner = road.line(np.array([road.cut(side * KERB, ahead * (SIDE_KERB + CORNER))]), side * KERB, 0.0)[0]
            begin = (corner[0] - x) * np.cos(heading) + (corner[1] - y) * np.sin(heading) + side * CORNER
            yield from _corner(street, begin, side, ahead)
            yield from _side_pavement(street, begin, side, ahead)


def _side_pavement(street: Road, begin: float, side: int, ahead: int) -> Iterator[Mesh]:
    s = np.linspace(*sorted((begin, side * SIDE_REACH)), 24)
    edges = [_Edge(street, s, -ahead * d, KERB_HEIGHT) for d in (SIDE_KERB, SIDE_KERB + _STONE, SIDE_KERB + CORNER)]
    yield _face(edges[0], -ahead)
    yield _strip(edges[0], edges[1], m.KERB)
    yield _strip(edges[1], edges[2], m.SIDEWALK)


def _corner(street: Road, begin: float, side: int, ahead: int) -> Iterator[Mesh]:
    """A quarter of a disc of pavement whose kerb leads around the corner."""
    centre = np.array([begin, -ahead * (SIDE_KERB + CORNER)])
    arc = np.stack([-side * np.cos(_ARC), ahead * np.sin(_ARC)], 1)
    if side == ahead:
        arc = arc[::-1]
    rings = [centre + radius * arc for radius in (CORNER, CORNER - _STONE, 0.0)]
    lines = [street.line(ring[:, 0], ring[:, 1], KERB_HEIGHT) for ring in rings]
    yield _wall(lines[0], -1)
    yield strip(lines[1], lines[0], rings[1], rings[0], m.KERB)
    yield strip(lines[2], lines[1], rings[2], rings[1], m.SIDEWALK)
