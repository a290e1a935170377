"""Whole scenes: floating bodies, cards, a table top, a room, a street, a garden."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from perception_kd.simulation.stereo.bodies import draw_body, rough, sheet, tuft, wire
from perception_kd.simulation.stereo.furniture import (
    bush,
    car,
    chair,
    clutter,
    cupboard,
    fence,
    lamp,
    person,
    plant,
    post,
    shelf,
    sofa,
    stood,
    table,
    tree,
)  # fmt: skip
from perception_kd.simulation.stereo.materials import Palette
from perception_kd.simulation.stereo.meshes import Mesh, box, ellipsoid, merge, patch, quads, rotation, tube
from perception_kd.simulation.stereo.noise import draw_noise


@dataclass(frozen=True)
class Lens:
    """What the left camera sees: half widths of the view at one metre, and the focal length in px."""

    across: float
    down: float
    focal: float

    def place(self, rng: np.random.Generator, depth: float, margin: float = 1.1) -> tuple[float, float, float]:
        """A point at that depth in (or, by ``margin``, a little beside) the picture."""
        x, y = rng.uniform(-margin, margin, 2) * (self.across, self.down)
        return x * depth, y * depth, depth


@dataclass(frozen=True)
class Layout:
    """A mesh in the frame of the camera; where light comes from.

    Args:
        mesh: All of it.
        lamps: (K, 3) lamps in m; none means sun light.
        open_air: Whether there may be sky.
    """

    mesh: Mesh
    lamps: np.ndarray
    open_air: bool


def _depths(rng: np.random.Generator, near: float, far: float, count: int) -> np.ndarray:
    """Spread evenly over disparity."""
    return 1 / rng.uniform(1 / far, 1 / near, count)


def _backdrop(rng: np.random.Generator, palette: Palette, lens: Lens, depth: float) -> Mesh:
    """A slanted, rolling or folded wall behind everything."""
    side = 48
    y, x = np.mgrid[:side, :side] / (side - 1) * 2 - 1
    slope = rng.uniform(-0.35, 0.35, 2)
    relief = draw_noise(rng, palette.texture_size, (8, 10))
    step = palette.texture_size // side
    bumps = relief[: side * step: step, : side * step: step] * rng.choice([0.0, 0.0, 0.06])
    z = depth * np.exp(slope[0] * x + slope[1] * y + bumps)
    points = np.stack([1.8 * lens.across * x * z, 2.2 * lens.down * y * z, z], -1)
    return patch(points, palette.some(depth))


def floating(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """Bodies of all sizes in the air, as in FlyingThings3D (Mayer et al. 2016)."""
    near, far = 1.0, np.exp(rng.uniform(np.log(4), np.log(25)))
    parts = [_backdrop(rng, palette, lens, far)] if rng.random() < 0.8 else []
    for depth in _depths(rng, near * 1.15, 0.85 * far, int(density * rng.uniform(15, 60))):
        size = depth * lens.across * np.exp(rng.uniform(np.log(0.08), np.log(0.8)))
        body = draw_body(rng, palette, size, depth)
        parts.append(body.shifted(*lens.place(rng, depth + 0.3 * size)))
    return Layout(merge(parts), _lamps(rng, lens, far), bool(rng.random() < 0.5))


def _lamps(rng: np.random.Generator, lens: Lens, far: float) -> np.ndarray:
    """Lamps in front of the scene, up or aside."""
    count = int(rng.integers(1, 4))
    place = rng.uniform(-1, 1, (count, 3)) * (lens.across * far, 0.5 * far, 0.5) * 0.7
    return place - [0, 0.3 * far, 0.3]


def cards(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """Slanted planes one before the other, with some thin things between."""
    far = np.exp(rng.uniform(np.log(2.5), np.log(10)))
    parts = [_backdrop(rng, palette, lens, far)]
    for depth in _depths(rng, 1.1, 0.9 * far, int(density * rng.uniform(6, 20))):
        maker = sheet if rng.random() < 0.8 else wire
        size = depth * lens.across * rng.uniform(0.2, 1.3)
        turn = rotation(*rng.normal(0, (0.7, 0.6, 0.6)))
        parts.append(maker(rng, palette, size, depth).moved(turn).shifted(*lens.place(rng, depth + 0.35 * size)))
    return Layout(merge(parts), _lamps(rng, lens, far), False)


def table_top(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """Things on a table before a wall, near the camera."""
    high, depth = rng.uniform(0.25, 0.7), rng.uniform(1.6, 3.5)
    board = box((4 * depth * lens.across, 0.05, 2 * depth), palette.some(depth / 2))
    parts = [board.shifted(0, high + 0.025, depth / 2)]
    wall = box((6 * depth * lens.across, 6, 0.1), palette.some(depth)).moved(rotation(rng.uniform(-0.5, 0.5)))
    parts.append(wall.shifted(0, 0, depth * 1.15))
    for z in _depths(rng, 0.85, 0.95 * depth, int(density * rng.uniform(12, 40))):
        x = rng.uniform(-1, 1) * lens.across * z
        thing = clutter(rng, palette, np.exp(rng.uniform(np.log(0.06), np.log(0.5))), z)
        parts.append(thing.shifted(x, high, z + 0.1))
        if rng.random() < 0.25:
            top = float(thing.points[:, 1].min())
            parts.append(clutter(rng, palette, rng.uniform(0.05, 0.25), z).shifted(x, high + top, z + 0.1))
    for _ in range(rng.integers(0, 4)):  # shelves, pictures and cables on the wall
        parts.append(sheet(rng, palette, rng.uniform(0.3, 1.0), depth).shifted(*lens.place(rng, depth * 0.97)))
    mesh = merge(parts).moved(rotation(0, rng.uniform(0.0, 0.45), rng.normal(0, 0.05)))
    lamps = np.stack([rng.uniform(-1.5, 1.5, 2), -rng.uniform(0.8, 2.5, 2), rng.uniform(-0.5, 0.8 * depth, 2)], -1)
    return Layout(mesh, lamps, False)


_FURNITURE = (table, chair, chair, shelf, cupboard, sofa, lamp, plant, person)


def room(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """Floor, walls, ceiling, furniture, and things that lie about."""
    eye, wide, high, deep = rng.uniform(0.7, 1.7), rng.uniform(3, 8), rng.uniform(2.3, 3.4), rng.uniform(3, 9)
    x, z = rng.uniform(0.25, 0.75) * wide, -rng.uniform(0.1, 0.5)
    left, right, back, near = -x, wide - x, deep, z
    wall, floor, ceiling = (palette.some(deep / 2) for _ in range(3))
    if rng.random() < 0.6:
        wall = palette.of('plain', deep / 2, stain=rng.uniform(0, 0.1))
    ends = [[(left, -high, near), (left, -high, back), (left, 0, back), (left, 0, near)],
            [(right, -high, back), (right, -high, near), (right, 0, near), (right, 0, back)],
            [(left, -high, back), (right, -high, back), (right, 0, back), (left, 0, back)]]  # fmt: skip
    other = wall if rng.random() < 0.7 else palette.some(deep)
    parts = [quads(np.array(ends), np.array([wall, wall, other])),
             quads(np.array([[(left, 0, near), (right, 0, near), (right, 0, back), (left, 0, back)],
                             [(left, -high, back), (right, -high, back), (right, -high, near), (left, -high, near)]]),
                   np.array([floor, ceiling]))]  # fmt: skip
    parts += _hangings(rng, palette, left, right, high, back)
    for depth in rng.uniform(1.9, 0.95 * deep, int(density * rng.uniform(5, 18))):
        maker = _FURNITURE[rng.integers(len(_FURNITURE))]
        turn = rng.choice([rng.normal(0, 0.3), rng.uniform(0, 6)])
        parts.append(maker(rng, palette, depth).moved(rotation(turn)).shifted(rng.uniform(left, right), 0, depth))
    for depth in _depths(rng, 1.1, deep, int(density * rng.uniform(5, 24))):
        parts.append(clutter(rng, palette, rng.uniform(0.08, 0.5), depth).shifted(
            np.clip(rng.uniform(-1.2, 1.2) * lens.across * depth, left, right), 0, depth))  # fmt: skip
    view = rotation(rng.uniform(-0.5, 0.5), rng.uniform(-0.08, 0.4), rng.normal(0, 0.04))
    lamps = np.stack([rng.uniform(left, right, 2), -rng.uniform(0.6, 0.95, 2) * high, rng.uniform(0, deep, 2)], -1)
    lift = np.array([0, eye, 0])
    return Layout(merge(parts).shifted(*lift).moved(view), (lamps + lift) @ view.T, False)


def _hangings(rng: np.random.Generator, palette: Palette, left: float, right: float, high: float,
              back: float) -> list[Mesh]:  # fmt: skip
    """Pictures, doors and boards on the walls; cables under the ceiling."""
    parts = []
    for _ in range(rng.integers(1, 7)):
        size = (rng.uniform(0.2, 1.4), rng.uniform(0.2, 1.2), rng.uniform(0.02, 0.15))
        frame = box(size, palette.some(back))
        y, side = -rng.uniform(0.4, 0.8) * high, rng.integers(3)
        if side == 0:
            parts.append(frame.shifted(rng.uniform(left, right), y, back))
        else:
            parts.append(frame.moved(rotation(np.pi / 2)).shifted((left, right)[side - 1], y, rng.uniform(1, back)))
    for _ in range(rng.integers(0, 3)):
        at = np.linspace(0, 1, 40)[:, None]
        ends = np.stack([rng.uniform(left, right, 2), -rng.uniform(0.6, 1, 2) * high, rng.uniform(0.8, back, 2)], -1)
        sag = [0, rng.uniform(0, 0.5), 0] * (4 * at * (1 - at))
        parts.append(tube(ends[0] + (ends[1] - ends[0]) * at + sag, rng.uniform(0.002, 0.01), palette.some(2.0)))
    return parts


def street(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """A road between houses, with cars, people, trees, poles and wires."""
    eye, half, far = rng.uniform(1.1, 2.2), rng.uniform(3, 9), rng.uniform(30, 70)
    road, path = palette.of('speckle', 6, mirror=0.0, shine=0.0), palette.of('tiling', 6, mirror=0.0)
    floor = lambda x0, x1, y, kind: quads(  # noqa: E731
        np.array([[(x0, y, -2), (x1, y, -2), (x1, y, far + 30), (x0, y, far + 30)]]), kind)  # fmt: skip
    kerb = half * 0.7
    parts = [floor(-kerb, kerb, 0, road), floor(-90, -kerb, -0.12, path), floor(kerb, 90, -0.12, path)]
    paint = palette.of('plain', 6, tint=1.5, mirror=0.0, shine=0.0)
    parts += [box((0.15, 0.006, rng.uniform(1, 4)), paint).shifted(rng.choice([0, -0.6, 0.6]) * half, 0, z)
              for z in np.arange(3, far, rng.uniform(3, 8))]  # fmt: skip
    for side in (-1, 1):
        parts += _row_of_houses(rng, palette, side, half, far)
        for depth in _depths(rng, 2.5, 0.9 * far, int(density * rng.uniform(3, 10))):
            maker = (tree, post, post, person, bush, fence)[rng.integers(6)]
            turn = np.pi / 2 + rng.normal(0, 0.2) if maker is fence else rng.uniform(0, 6) * (maker is not post)
            x = side * half * rng.uniform(0.72, 1.0)
            thing = maker(rng, palette, depth).moved(rotation(turn))
            parts.append(thing.shifted(x, 0, depth + (1.5 if maker is fence else 0)))
        for depth in _depths(rng, 7, 0.8 * far, int(density * rng.uniform(0, 5))):
            turn = rotation(rng.choice([0, np.pi, rng.uniform(0, 6)], p=[0.45, 0.45, 0.1]))
            parts.append(car(rng, palette, depth).moved(turn).shifted(side * half * rng.uniform(0.2, 0.62), 0, depth))
    parts += [_cable(rng, palette, half, far) for _ in range(rng.integers(0, 5))]
    if rng.random() < 0.4:
        parts.append(box((60, rng.uniform(4, 15), 8), palette.of('facade', far)).shifted(0, -3, far + 8))
    view = rotation(rng.normal(0, 0.2), rng.normal(0.04, 0.05), rng.normal(0, 0.02))
    return Layout(merge(parts).shifted(0, eye, 0).moved(view), np.zeros((0, 3)), True)


def _row_of_houses(rng: np.random.Generator, palette: Palette, side: int, half: float, far: float) -> list[Mesh]:
    parts, z = [], -2.0
    set_back = half * rng.uniform(1.0, 1.6)
    while z < far:
        long, high, deep = rng.uniform(5, 16), rng.uniform(4, 16), rng.uniform(6, 10)
        if rng.random() < 0.85:
            distance = max(z + long / 2, 5.0)
            scale = palette.texture_size / rng.uniform(4, 9)
            kind = palette.of(rng.choice(['facade', 'facade', 'tiling', 'plain']), distance, scale=scale, mirror=0.0)
            x = side * (set_back + deep / 2 + rng.uniform(0, 1.5))
            parts.append(box((deep, high, long), kind).shifted(x, -high / 2, z + long / 2))
            if rng.random() < 0.5:
                roof = box((deep * 1.1, 0.3, long * 1.02), palette.some(distance))
                roof = roof.moved(rotation(0, 0, side * rng.uniform(0, 0.6)))
                parts.append(roof.shifted(x, -high, z + long / 2))
        z += long + rng.choice([0, rng.uniform(0, 5)])
    return parts


def _cable(rng: np.random.Generator, palette: Palette, half: float, far: float) -> Mesh:
    at = np.linspace(0, 1, 30)[:, None]
    ends = np.stack([rng.uniform(-2, 2, 2) * half, -rng.uniform(3, 7, 2), rng.uniform(3, far / 2, 2)], -1)
    return tube(ends[0] + (ends[1] - ends[0]) * at + [0, 0.6, 0] * (4 * at * (1 - at)), 0.015, palette.some(8.0))


def garden(rng: np.random.Generator, palette: Palette, lens: Lens, density: float) -> Layout:
    """Uneven ground with stones, bushes, trees, fences and toys; perhaps a house."""
    eye, far, side = rng.uniform(0.6, 1.8), rng.uniform(10, 40), 96
    reach = np.linspace(0.0, 1, side) ** 2 * (far + 20) - 1.0
    across = np.linspace(-1, 1, side) * (far + 5) * max(lens.across * 1.6, 0.8)
    relief = draw_noise(rng, palette.texture_size, (8, 10))[:side, :side] * rng.uniform(0, 0.2)
    ground = np.stack([np.broadcast_to(across, (side, side)), relief * np.minimum(reach[:, None] / 4 + 0.3, 2),
                       np.broadcast_to(reach[:, None], (side, side))], -1)  # fmt: skip
    kind = palette.of(rng.choice(['strokes', 'speckle', 'two_tone', 'clouds', 'tiling']), 3, mirror=0.0, shine=0.0)
    parts = [patch(ground, kind)]
    makers = (tree, bush, bush, plant, post, fence, person, chair, table)
    for depth in _depths(rng, 1.8, far, int(density * rng.uniform(6, 24))):
        maker = makers[rng.integers(len(makers))]
        x = rng.uniform(-1.3, 1.3) * lens.across * depth
        parts.append(maker(rng, palette, depth).moved(rotation(rng.uniform(0, 6))).shifted(x, 0.1, depth))
    if palette.style.fine:
        parts += _lawn(rng, palette, lens, far, density)
    for depth in _depths(rng, 1.2, far / 2, int(density * rng.uniform(5, 25))):
        size = rng.uniform(0.08, 0.5)
        stone = rough(rng, ellipsoid(size * rng.uniform(0.4, 1, 3), palette.some(depth), 12, 0.8), 0.15)
        thing = stood(stone) if rng.random() < 0.6 else clutter(rng, palette, 2 * size, depth)
        parts.append(thing.shifted(rng.uniform(-1.2, 1.2) * lens.across * depth, 0.05, depth))
    if rng.random() < 0.6:
        house = box((rng.uniform(6, 25), rng.uniform(3, 9), 5), palette.some(far)).moved(rotation(rng.normal(0, 0.4)))
        parts.append(house.shifted(rng.normal(0, 0.4) * far * lens.across, -2, far + 4))
    view = rotation(0, rng.normal(0.12, 0.1), rng.normal(0, 0.04))
    return Layout(merge(parts).shifted(0, eye, 0).moved(view), np.zeros((0, 3)), True)


def _lawn(rng: np.random.Generator, palette: Palette, lens: Lens, far: float, density: float) -> list[Mesh]:
    """Tufts here and there, or none."""
    tufts = []
    for depth in _depths(rng, 1.3, far, int(density * rng.choice([0, rng.uniform(10, 60)]))):
        blades = tuft(rng, palette, rng.uniform(0.1, 0.5), depth)
        tufts.append(blades.shifted(rng.uniform(-1.2, 1.2) * lens.across * depth, 0.05, depth))
    return tufts


LAYOUTS: dict[Callable[..., Layout], float] = {floating: 3.0, cards: 1.2, table_top: 2.2, room: 3.0, street: 1.8,
                                               garden: 1.8}  # fmt: skip
"""Makers of scenes and how often they are drawn; each takes a generator, the palette, the lens and a density."""
