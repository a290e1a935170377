"""Single bodies of random form."""

from collections.abc import Callable

import numpy as np

from perception_kd.simulation.stereo.materials import Palette
from perception_kd.simulation.stereo.meshes import (
    Mesh,
    box,
    cylinder,
    ellipsoid,
    merge,
    patch,
    quads,
    random_rotation,
    revolved,
    torus,
    tube,
)  # fmt: skip
from perception_kd.simulation.stereo.noise import draw_noise


def crate(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A box around the origin, its faces alike or not."""
    sides = size * rng.uniform(0.25, 1, 3)
    if rng.random() < 0.4:
        return box(sides, [palette.some(distance) for _ in range(6)])
    return box(sides, palette.some(distance))


def lump(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """An ellipsoid, a cushion or a stone."""
    power = rng.choice([1.0, 1.0, rng.uniform(0.2, 0.9)])
    mesh = ellipsoid(size / 2 * rng.uniform(0.35, 1, 3), palette.some(distance), 16, power)
    if rng.random() < 0.3:
        return rough(rng, mesh, rng.uniform(0.03, 0.12))
    return mesh


def rough(rng: np.random.Generator, mesh: Mesh, strength: float) -> Mesh:
    """The mesh with smooth waves in it, as stones and bushes have; points keep their faces."""
    extent = np.linalg.norm(mesh.points, axis=1).max()
    where, push = mesh.points / extent, 0.0
    for octave in range(4):
        wave = rng.normal(0, 2.0 * 2**octave, (3, 3))
        push = push + np.sin(where @ wave.T + rng.uniform(0, 6, 3)).mean(1) / 1.5**octave
    points = mesh.points * (1 + strength * push[:, None]).astype(np.float32)
    return Mesh(points, _normals(points, mesh.faces), mesh.uv, mesh.faces, mesh.material)


def _normals(points: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Mean of the normals of a point's faces."""
    a, b, c = (points[faces[:, i]] for i in range(3))
    each, total = np.cross(b - a, c - a), np.zeros_like(points)
    for i in range(3):
        np.add.at(total, faces[:, i], each)
    return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)


def drum(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A closed cylinder around the origin."""
    height = size * rng.uniform(0.3, 1)
    radius = size * rng.uniform(0.1, 0.4)
    return cylinder(radius, height, palette.some(distance)).shifted(0, height / 2, 0)


def vase(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A turned body around the origin: vases, bottles, lamps, pots."""
    height = np.linspace(0, size, 24)
    knots = rng.uniform(0.08, 0.4, 6) * size
    radius = np.interp(height, np.linspace(0, size, 6), knots)
    radius = np.convolve(np.pad(radius, 3, 'edge'), np.ones(7) / 7, 'valid')
    return revolved(radius, height, palette.some(distance)).shifted(0, size / 2, 0)


def hoop(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A ring, thin or thick."""
    radius = size * rng.uniform(0.3, 0.45)
    return torus(radius, radius * np.exp(rng.uniform(np.log(0.04), np.log(0.5))), palette.some(distance))


def sheet(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A flat or wavy card, some with many sides."""
    if rng.random() < 0.5:
        high = rng.uniform(0.3, 1)
        corners = np.array([[(-1, -high, 0), (1, -high, 0), (1, high, 0), (-1, high, 0)]]) * size / 2
        return quads(corners, palette.some(distance))
    side = 24
    y, x = np.mgrid[:side, :side] / (side - 1) - 0.5
    step = palette.texture_size // side
    bumps = draw_noise(rng, palette.texture_size, (8, 10))[::step, ::step]
    points = np.stack([x * size, y * size * rng.uniform(0.4, 1), bumps[:side, :side] * size * rng.uniform(0, 0.08)], -1)
    return patch(points, palette.some(distance))


def wire(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A thin bar: straight, bent, or wound."""
    at = np.linspace(0, 1, 60)
    kind = rng.integers(3)
    if kind == 0:
        line = (at - 0.5)[:, None] * np.array([1.0, 0, 0])
    elif kind == 1:
        line = np.stack([at - 0.5, *(sum(rng.normal(0, 0.15 / k) * np.sin(np.pi * k * at) for k in (1, 2, 3, 4))
                                     for _ in range(2))], -1)  # fmt: skip
    else:
        turns = 2 * np.pi * rng.uniform(2, 8) * at
        line = np.stack([at - 0.5, 0.2 * np.cos(turns), 0.2 * np.sin(turns)], -1)
    radius = distance * np.exp(rng.uniform(np.log(0.0012), np.log(0.01)))
    return tube(line * size * rng.uniform(1, 2), radius, palette.some(distance))


def lattice(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """Bars side by side, some crossed: fences, racks, grids."""
    count, kind = int(rng.integers(4, 12)), palette.some(distance)
    bar = size / count * rng.uniform(0.1, 0.4)
    upright = [box((bar, size, bar), kind).shifted((i / (count - 1) - 0.5) * size, 0, 0) for i in range(count)]
    rails = [box((size, bar, bar), kind).shifted(0, (i - 0.5) * size * 0.8, 0) for i in range(2)]
    if rng.random() < 0.4:
        rails = [box((size, bar, bar), kind).shifted(0, (i / (count - 1) - 0.5) * size, 0) for i in range(count)]
    return merge([*upright, *rails])


def leafage(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A cloud of leaves."""
    fine = palette.style.fine
    count = int(np.exp(rng.uniform(np.log(80), np.log(900)))) if fine else int(rng.integers(60, 500))
    place = rng.standard_normal((count, 3))
    place *= size / 2 * (rng.random((count, 1)) ** (1 / 3)) / np.linalg.norm(place, axis=1, keepdims=True)
    along = rng.standard_normal((count, 3))
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.cross(along, rng.standard_normal((count, 3)))
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    length = rng.uniform(0.5, 1.6) / np.sqrt(count) if fine else rng.uniform(0.04, 0.18)
    length = size * length * rng.uniform(0.6, 1.4, (count, 1))
    along, across = along * length, across * length * rng.uniform(0.15, 0.6)
    corners = np.stack([place - along, place + across, place + along, place - across], 1)
    hue = rng.choice([rng.uniform(0.18, 0.38), rng.random()], p=[0.8, 0.2])
    kinds = [palette.leaf(distance, hue) for _ in range(3)]
    return quads(corners, np.array(kinds)[rng.integers(0, 3, count)])


def tuft(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """Blades of grass, reed or twigs that stand on the origin."""
    count = int(rng.integers(20, 150))
    foot = rng.normal(0, 0.25 * size, (count, 3)) * [1, 0, 1]
    lean = rng.normal(0, 0.3, (count, 3)) * size * [1, 0, 1] - [0, size, 0] * rng.uniform(0.4, 1, (count, 1))
    side = rng.standard_normal((count, 3)) * [1, 0, 1] * size * rng.uniform(0.005, 0.03)
    corners = np.stack([foot - side, foot + side, foot + lean + 0.2 * side, foot + lean - 0.2 * side], 1)
    hue = rng.uniform(0.1, 0.36)
    kinds = [palette.leaf(distance, hue) for _ in range(3)]
    return quads(corners, np.array(kinds)[rng.integers(0, 3, count)])


BODIES: dict[Callable[..., Mesh], float] = {crate: 3, lump: 2.5, drum: 1.5, vase: 1.5, hoop: 1, sheet: 2.5, wire: 2,
                                            lattice: 1, leafage: 1}  # fmt: skip
"""Makers of bodies and how often they are drawn. Each takes a generator, the palette, a size in m and the distance in
m from which it will be seen."""


def draw_body(rng: np.random.Generator, palette: Palette, size: float, distance: float) -> Mesh:
    """A body around the origin, turned at random."""
    shares = np.array(list(BODIES.values()))
    maker = list(BODIES)[rng.choice(len(shares), p=shares / shares.sum())]
    return maker(rng, palette, size, distance).moved(random_rotation(rng))
