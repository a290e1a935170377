"""Things that stand on the ground: their foot is at the origin, up is -y."""

import numpy as np

from perception_kd.simulation.stereo.bodies import crate, draw_body, drum, leafage, lump, rough, vase
from perception_kd.simulation.stereo.materials import Palette
from perception_kd.simulation.stereo.meshes import Mesh, box, cylinder, ellipsoid, merge, rotation, tube


def stood(mesh: Mesh) -> Mesh:
    """The mesh with its lowest point on the ground (y = 0)."""
    return mesh.shifted(0, -float(mesh.points[:, 1].max()), 0)


def clutter(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """Anything that can lie about."""
    if rng.random() < 0.35:
        return stood(draw_body(rng, palette, size, distance))
    maker = [crate, drum, vase, lump][rng.integers(4)]
    return stood(maker(rng, palette, size, distance).moved(rotation(rng.uniform(0, 6))))


def table(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Four legs, a top and what lies on it."""
    wide, deep, high = rng.uniform(0.6, 1.8), rng.uniform(0.4, 1.0), rng.uniform(0.4, 0.8)
    leg, kind = rng.uniform(0.015, 0.06), palette.some(distance)
    legs = [box((leg, high, leg), kind).shifted(x * (wide - leg) / 2, -high / 2, z * (deep - leg) / 2)
            for x in (-1, 1) for z in (-1, 1)]  # fmt: skip
    top = box((wide, 0.03, deep), kind).shifted(0, -high, 0)
    things = [clutter(rng, palette, rng.uniform(0.08, 0.4), distance).shifted(
        rng.uniform(-0.45, 0.45) * wide, -high - 0.015, rng.uniform(-0.4, 0.4) * deep)
        for _ in range(rng.integers(1, 8))]  # fmt: skip
    return merge([*legs, top, *things])


def chair(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Thin legs, a seat and a back of bars or a board."""
    wide, high, kind = rng.uniform(0.4, 0.55), rng.uniform(0.4, 0.5), palette.some(distance)
    leg = rng.uniform(0.01, 0.04)
    parts = [box((leg, high, leg), kind).shifted(x * wide / 2, -high / 2, z * wide / 2)
             for x in (-1, 1) for z in (-1, 1)]  # fmt: skip
    parts.append(box((wide, rng.uniform(0.02, 0.1), wide), palette.some(distance)).shifted(0, -high, 0))
    back = rng.uniform(0.35, 0.6)
    if rng.random() < 0.4:
        parts.append(box((wide, back, 0.04), palette.some(distance)).shifted(0, -high - back / 2, wide / 2))
    else:
        bars = int(rng.integers(2, 8))
        parts += [box((leg, back, leg), kind).shifted((i / (bars - 1) - 0.5) * wide, -high - back / 2, wide / 2)
                  for i in range(bars)]  # fmt: skip
        parts.append(box((wide, 2 * leg, leg), kind).shifted(0, -high - back, wide / 2))
    return merge(parts)


def shelf(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Boards with books and boxes; open to the viewer (-z)."""
    wide, deep, high = rng.uniform(0.6, 2.0), rng.uniform(0.25, 0.5), rng.uniform(0.8, 2.2)
    boards, kind = int(rng.integers(2, 6)), palette.some(distance)
    parts = [box((0.03, high, deep), kind).shifted(x * wide / 2, -high / 2, 0) for x in (-1, 1)]
    if rng.random() < 0.6:
        parts.append(box((wide, high, 0.02), palette.some(distance)).shifted(0, -high / 2, deep / 2))
    kinds = [palette.some(distance) for _ in range(8)]
    for level in range(boards + 1):
        y = -high * level / boards
        parts.append(box((wide, 0.025, deep), kind).shifted(0, y, 0))
        x = -wide / 2 + 0.05
        while level < boards and x < wide / 2 - 0.15:
            width = rng.uniform(0.02, 0.08) if rng.random() < 0.7 else rng.uniform(0.1, 0.4)
            tall = min(rng.uniform(0.4, 0.9), 0.9) * high / boards
            if rng.random() < 0.85:
                book = box((width, tall, deep * rng.uniform(0.5, 0.9)), kinds[rng.integers(8)])
                parts.append(book.shifted(x + width / 2, y - tall / 2, -deep * rng.uniform(0, 0.1)))
            x += width + 0.004
    return merge(parts)


def cupboard(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A closed box with handles."""
    wide, deep, high = rng.uniform(0.4, 1.6), rng.uniform(0.3, 0.7), rng.uniform(0.5, 2.1)
    doors = int(rng.integers(1, 4))
    parts = [box((wide, high, deep), palette.some(distance)).shifted(0, -high / 2, 0)]
    kind = palette.some(distance)
    parts += [box((0.02, 0.15, 0.03), kind).shifted(((i + 0.8) / doors - 0.5) * wide, -high * 0.6, -deep / 2 - 0.015)
              for i in range(doors)]  # fmt: skip
    return merge(parts)


def sofa(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Cushions with rounded edges."""
    wide, kind = rng.uniform(0.8, 2.2), palette.some(distance)
    pillow = lambda x, y, z: ellipsoid((x / 2, y / 2, z / 2), kind, 16, 0.3)  # noqa: E731
    parts = [pillow(wide, 0.45, 0.9).shifted(0, -0.22, 0), pillow(wide, 0.8, 0.25).shifted(0, -0.5, 0.4)]
    parts += [pillow(0.25, 0.6, 0.9).shifted(x * wide / 2, -0.3, 0) for x in (-1, 1)]
    parts += [ellipsoid((0.22, 0.2, 0.1), palette.some(distance), 12, 0.5).moved(rotation(rng.uniform(-0.5, 0.5), 0.3))
              .shifted(rng.uniform(-0.4, 0.4) * wide, -0.6, 0.15) for _ in range(rng.integers(0, 4))]  # fmt: skip
    return merge(parts)


def lamp(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A foot, a thin pole and a shade."""
    high, kind = rng.uniform(0.5, 1.8), palette.some(distance)
    pole = cylinder(rng.uniform(0.005, 0.025), high, kind, 8)
    shade = vase(rng, palette, rng.uniform(0.2, 0.5), distance).shifted(0, -high, 0)
    return merge([cylinder(0.15, 0.03, kind, 16), pole, shade])


def plant(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A pot, stems and leaves."""
    high = rng.uniform(0.3, 1.4)
    pot = stood(vase(rng, palette, 0.3 * high, distance))
    stems, leaves = [], []
    for _ in range(rng.integers(2, 6)):
        tip = np.array([rng.normal(0, 0.3) * high, -high * rng.uniform(0.7, 1.1), rng.normal(0, 0.3) * high])
        at = np.linspace(0, 1, 12)[:, None]
        stems.append(tube(at * tip + np.sin(np.pi * at) * rng.normal(0, 0.08, 3) * high, 0.008 * high,
                          palette.leaf(distance, 0.1)))  # fmt: skip
        leaves.append(leafage(rng, palette, 0.5 * high, distance).shifted(*tip))
    return merge([pot, *stems, *leaves])


def tree(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A trunk, branches, and leaves or none."""
    high = rng.uniform(2.5, 9)
    bark = palette.of('strokes', distance)
    at = np.linspace(0, 1, 14)
    trunk = np.stack([0.05 * high * np.sin(3 * at + rng.uniform(0, 6)), -high * at, 0 * at], -1)
    trunk[:, 0] -= trunk[0, 0]
    parts = [tube(trunk, high * 0.03 * (1.1 - at), bark, 10)]
    bare = rng.random() < 0.3
    for _ in range(rng.integers(5, 14)):
        foot = trunk[rng.integers(4, 14)]
        reach = rng.normal(0, 0.22, 3) * high - [0, 0.12 * high, 0]
        branch = foot + at[:, None] * reach + (at * (1 - at))[:, None] * rng.normal(0, 0.1, 3) * high
        parts.append(tube(branch, high * 0.01 * (1.1 - at), bark, 5))
        if not bare:
            parts.append(leafage(rng, palette, high * rng.uniform(0.2, 0.4), distance).shifted(*branch[-1]))
    return merge(parts)


def bush(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Leaves about a rough core."""
    size = rng.uniform(0.5, 2)
    core = rough(rng, ellipsoid((0.4 * size, 0.35 * size, 0.4 * size), palette.leaf(distance, 0.28), 12), 0.15)
    return stood(merge([core, *(leafage(rng, palette, 0.9 * size, distance) for _ in range(2))]))


def car(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A lacquered body, dark panes that mirror, wheels; along z."""
    long, wide, high = rng.uniform(3.6, 4.8), rng.uniform(1.6, 1.9), rng.uniform(0.65, 0.85)
    paint = palette.of('plain', distance, shine=0.8, hardness=60.0, mirror=rng.uniform(0.03, 0.2), stain=0.05)
    glass = palette.of('brushed', distance, tint=0.12, shine=1.0, hardness=100.0, mirror=0.2)
    rubber = palette.of('speckle', distance, tint=0.15, shine=0.0, mirror=0.0)
    body = ellipsoid((wide / 2, high / 2, long / 2), paint, 20, 0.35).shifted(0, -0.25 - high / 2, 0)
    cabin = ellipsoid((wide * 0.43, 0.5, long * 0.28), glass, 20, 0.45).shifted(0, -high - 0.3, rng.uniform(-0.2, 0.5))
    roof = ellipsoid((wide * 0.36, 0.06, long * 0.18), paint, 12, 0.4).shifted(0, -high - 0.78, rng.uniform(0, 0.2))
    disc = cylinder(0.32, 0.22, rubber, 18).moved(rotation(0, 0, np.pi / 2))
    wheels = [disc.shifted(x * wide * 0.47 - 0.11, -0.32, z * long * 0.32) for x in (-1, 1) for z in (-1, 1)]
    lights = [lump(rng, palette, 0.25, distance).shifted(x * wide * 0.36, -0.65, z * long * 0.48)
              for x in (-1, 1) for z in (-1, 1)]  # fmt: skip
    plate = box((0.5, 0.12, 0.02), palette.of('lettering', distance)).shifted(0, -0.5, -long / 2 - 0.01)
    return merge([body, cabin, roof, *wheels, *lights, plate])


def person(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A figure of rounded parts."""
    high = rng.uniform(1.2, 1.9)
    skin, coat, trousers = palette.leaf(distance, 0.06), palette.some(distance), palette.some(distance)
    stride = rng.uniform(0, 0.3)
    limb = lambda a, b, r, kind: tube(np.linspace(a, b, 6) * high, r * high, kind, 10)  # noqa: E731
    parts = [limb((s * 0.05, 0, s * stride), (s * 0.05, -0.48, 0), 0.045, trousers) for s in (-1, 1)]
    parts += [limb((s * 0.13, -0.8, 0), (s * 0.17, -0.45, -s * stride), 0.03, coat) for s in (-1, 1)]
    parts.append(ellipsoid((0.13 * high, 0.2 * high, 0.08 * high), coat, 14, 0.7).shifted(0, -0.64 * high, 0))
    parts.append(ellipsoid((0.055 * high, 0.075 * high, 0.065 * high), skin, 12).shifted(0, -0.92 * high, 0))
    return merge(parts)


def post(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """A pole, with a sign or a lamp or nothing."""
    high, kind = rng.uniform(1, 6), palette.some(distance)
    parts = [cylinder(rng.uniform(0.02, 0.1), high, kind, 10)]
    if rng.random() < 0.5:
        sign = box((rng.uniform(0.3, 1.0), rng.uniform(0.3, 0.9), 0.02), palette.of('lettering', distance))
        parts.append(sign.shifted(0, -high * 0.9, -0.1))
    elif rng.random() < 0.5:
        arm = np.array([(0, -high, 0), (0.4, -high - 0.3, 0), (1.2, -high - 0.3, 0)]) * [rng.choice([-1, 1]), 1, 1]
        parts.append(tube(arm, 0.03, kind))
    return merge(parts)


def fence(rng: np.random.Generator, palette: Palette, distance: float) -> Mesh:
    """Many thin uprights between rails, along x."""
    long, high, gap = rng.uniform(2, 6), rng.uniform(0.7, 1.8), rng.uniform(0.08, 0.25)
    kind, bar = palette.some(distance), rng.uniform(0.01, 0.06)
    count = int(long / gap)
    parts = [box((bar, high, bar), kind).shifted((i / count - 0.5) * long, -high / 2, 0) for i in range(count + 1)]
    parts += [box((long, bar, bar), kind).shifted(0, -high * share, 0) for share in (0.15, 0.9)]
    return merge(parts)
