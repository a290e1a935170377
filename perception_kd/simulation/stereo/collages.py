"""Textures that are drawn: overlapping shapes, print, tiles, cloth, blades and windows."""

import cv2
import numpy as np

from perception_kd.simulation.stereo.noise import draw_noise
from perception_kd.simulation.stereo.palettes import draw_palette, gradient, paint_with

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX,
          cv2.FONT_HERSHEY_SCRIPT_COMPLEX)  # fmt: skip
_LETTERS = list('ABCDEFGHIJKLMNOPRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789&%#')


def _colour(palette: np.ndarray, rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(float(c) for c in palette[rng.integers(len(palette))])


def dead_leaves(rng: np.random.Generator, size: int) -> np.ndarray:
    """Overlapping shapes with sizes by a power law, which have the statistics of natural pictures (Lee, Mumford and
    Huang 2001)."""
    palette = draw_palette(rng, rng.integers(3, 12))
    canvas = np.full((size, size, 3), palette[0], np.float32)
    count, least = int(rng.uniform(60, 700)), rng.uniform(2, 10)
    radii = np.minimum(least * rng.random(count) ** -rng.uniform(0.4, 0.9), size / 3)
    places, angles, kind = rng.uniform(0, size, (count, 2)), rng.uniform(0, 180, count), rng.integers(0, 4)
    aspects, shades = rng.uniform(0.2, 1, count), rng.uniform(0.6, 1.3, count)
    for radius, place, angle, aspect, shade in zip(radii, places, angles, aspects, shades):
        colour = tuple(float(c * shade) for c in palette[rng.integers(len(palette))])
        form = kind if kind < 3 else rng.integers(0, 3)
        centre = (int(place[0] * 8), int(place[1] * 8))
        if form == 0:
            cv2.ellipse(canvas, centre, (int(radius * 8), int(radius * aspect * 8)), angle, 0, 360, colour, -1,
                        cv2.LINE_AA, 3)  # fmt: skip
        else:
            corners = 4 if form == 1 else rng.integers(3, 8)
            turn = np.linspace(0, 2 * np.pi, corners, endpoint=False) + np.deg2rad(angle)
            shape = np.stack([np.cos(turn), np.sin(turn) * aspect], -1) * radius + place
            cv2.fillPoly(canvas, [(shape * 8).astype(np.int32)], colour, cv2.LINE_AA, 3)
    return paint_with(canvas, draw_noise(rng, size), rng.uniform(0, 0.12))


def lettering(rng: np.random.Generator, size: int) -> np.ndarray:
    """Print: labels, posters, signs, spines of books."""
    palette = draw_palette(rng, 6, saturation=rng.uniform(0, 0.9))
    canvas = np.full((size, size, 3), palette[0], np.float32)
    for _ in range(rng.integers(2, 9)):
        low = rng.integers(0, size, 2)
        high = low + rng.integers(size // 12, size // 2, 2)
        cv2.rectangle(canvas, low.tolist(), high.tolist(), _colour(palette, rng), rng.choice([-1, -1, 2, 5]))
    for _ in range(rng.integers(6, 40)):
        word = ''.join(rng.choice(_LETTERS, rng.integers(1, 14)))
        height = rng.uniform(0.3, 1) ** 3 * size / 120 + size / 900
        place = (int(rng.integers(-size // 6, size)), int(rng.integers(0, size)))
        cv2.putText(canvas, word, place, int(rng.choice(_FONTS)), height, _colour(palette, rng),
                    max(1, round(height * rng.uniform(1, 4))), cv2.LINE_AA)  # fmt: skip
    return canvas


def strokes(rng: np.random.Generator, size: int) -> np.ndarray:
    """Grass, straw, fur, scratches: short lines that lie about one direction."""
    palette = draw_palette(rng, 8, hue=rng.choice([rng.uniform(0.15, 0.4), rng.random()]))
    canvas = gradient(0.5 + 0.2 * draw_noise(rng, size), palette[:3])
    count, length = int(rng.uniform(300, 1500)), rng.uniform(0.02, 0.15) * size
    angle, spread = rng.uniform(0, np.pi), rng.uniform(0.05, 1.5)
    turns = angle + rng.normal(0, spread, count)
    start = rng.uniform(0, size, (count, 2))
    end = start + np.stack([np.cos(turns), np.sin(turns)], -1) * (length * rng.uniform(0.4, 1.6, count))[:, None]
    width, shades = int(rng.integers(1, 4)), rng.uniform(0.5, 1.4, count)
    for a, b, shade in zip((start * 8).astype(int).tolist(), (end * 8).astype(int).tolist(), shades):
        colour = tuple(float(c * shade) for c in palette[rng.integers(8)])
        cv2.line(canvas, a, b, colour, width, cv2.LINE_AA, 3)
    return canvas


def tiling(rng: np.random.Generator, size: int) -> np.ndarray:
    """Bricks, tiles, planks, paving: each piece with a tone of its own, joints between."""
    rows = int(rng.integers(3, 25))
    columns = max(1, int(rows * rng.uniform(0.2, 1.2)))
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    row = np.floor(y * rows).astype(int)
    bond = rng.choice([0.0, 0.5, rng.random()])
    shifted = x * columns + bond * row
    column = np.floor(shifted).astype(int)
    tone = rng.standard_normal((rows, 2 * columns + rows + 2)).astype(np.float32)[row, column]
    joint = rng.uniform(0.01, 0.12)
    beside = np.minimum(shifted - column, 1 - shifted + column) * rows / columns
    over = np.minimum(y * rows - row, 1 - y * rows + row)
    near = np.clip((np.minimum(beside, over) - joint / 2) * size / rows + 0.5, 0, 1)
    value = 0.5 + rng.uniform(0.03, 0.3) * tone + rng.uniform(0.02, 0.12) * draw_noise(rng, size)
    pieces, mortar = gradient(value, draw_palette(rng, 3)), draw_palette(rng, 1, saturation=0.1)[0]
    return mortar + (pieces - mortar) * near[..., None]


def weave(rng: np.random.Generator, size: int) -> np.ndarray:
    """Stripes, checks and cloth: periodic, and hard to match for it."""
    y, x = np.mgrid[:size, :size].astype(np.float32) / size
    bend = rng.choice([0.0, rng.uniform(0, 0.03)]) * draw_noise(rng, size, (8, 10))
    waves = [np.sin(2 * np.pi * rng.uniform(2, 40) * (axis + bend) + rng.uniform(0, 6)) for axis in (x, y)]
    if rng.random() < 0.5:
        waves = [np.clip(wave * rng.uniform(2, 15), -1, 1) for wave in waves]
    first, second = rng.choice([0.0, 1.0, 1.0]), rng.choice([0.0, 1.0])
    value = waves[0] * waves[1] if first == second == 0 else first * waves[0] + second * waves[1]
    return gradient(0.5 + 0.24 * value + rng.uniform(0.01, 0.1) * draw_noise(rng, size), draw_palette(rng, 3))


def facade(rng: np.random.Generator, size: int) -> np.ndarray:
    """Rows of windows in a plastered or brick wall."""
    bricks = rng.random() < 0.4
    wall = tiling(rng, size) if bricks else gradient(0.5 + 0.08 * draw_noise(rng, size),
                                                     draw_palette(rng, 3, contrast=0.5))  # fmt: skip
    rows, columns = rng.integers(2, 6, 2)
    wide, high = rng.uniform(0.3, 0.75), rng.uniform(0.4, 0.8)
    frame, glass = draw_palette(rng, 1, saturation=0.1)[0], draw_palette(rng, 4, hue=0.58, saturation=0.2) * 0.6
    wall = np.ascontiguousarray(wall, np.float32)
    for row in range(rows):
        for column in range(columns):
            low = np.array([(column + 0.5 - wide / 2) / columns, (row + 0.5 - high / 2) / rows]) * size
            span = np.array([wide / columns, high / rows]) * size
            corner, end = low.astype(int), (low + span).astype(int)
            cv2.rectangle(wall, corner.tolist(), end.tolist(), _colour(frame[None], rng), -1)
            edge = max(2, int(span.min() / 14))
            cv2.rectangle(wall, (corner + edge).tolist(), (end - edge).tolist(), _colour(glass, rng), -1)
            middle = int((corner[0] + end[0]) / 2)
            cv2.line(wall, (middle, int(corner[1])), (middle, int(end[1])), _colour(frame[None], rng), edge)
    return wall
