"""Single trees near the camera, grown branch by branch."""

import cv2
import numpy as np

from perception_kd.simulation.uav.panorama import Layer
from perception_kd.simulation.uav.scenery.land import Place
from perception_kd.simulation.uav.weather import srgb

_FINE = 3
"""Cells of the drawing for a cell of the panorama, each way."""
_MOST = 2400
"""Cells of the drawing, each way."""
_BARKS = ((62, 52, 44), (88, 76, 66), (48, 44, 40))
_LEAVES = ((72, 98, 40), (54, 82, 36), (140, 100, 40), (96, 112, 48), (60, 74, 44))


def paint_tree(rng: np.random.Generator, place: Place, azimuth: float, distance: float) -> Layer | None:
    """A tree at an azimuth in rad; half of them are bare."""
    grid, tall = place.grid, rng.uniform(6, 14)
    per_metre = _FINE / (distance * grid.pitch)
    centre = (azimuth - grid.left) / grid.pitch * _FINE
    foot = grid.row(-np.arctan2(place.height, distance)) * _FINE
    spread = 0.62 * tall * per_metre
    left, right = (int(np.clip(x, 0, grid.width * _FINE)) // _FINE for x in (centre - spread, centre + spread))
    top, bottom = (int(np.clip(y, 0, grid.height * _FINE)) // _FINE for y in (foot - 1.25 * tall * per_metre, foot))
    size = np.array([right - left, bottom - top]) * _FINE
    if size.min() < 8 * _FINE or size.max() > _MOST:
        return None
    alpha, shade = np.zeros(size[::-1], np.uint8), np.zeros(size[::-1], np.uint8)
    starts, ends, widths = grow(rng, tall)
    origin = np.array([centre - left * _FINE, foot - top * _FINE])
    to_cell = lambda points: origin + points * (per_metre, -per_metre)  # noqa: E731
    _draw_branches(to_cell(starts), to_cell(ends), widths * per_metre, alpha, shade)
    bark, leaf = (srgb(*colours[rng.integers(len(colours))]) for colours in (_BARKS, _LEAVES))
    leaves = np.zeros_like(alpha)
    if rng.random() < 0.5:
        _draw_leaves(rng, to_cell(ends[widths < 0.03]), per_metre, leaves, shade)
    cells = (right - left, bottom - top)
    cover, light, green = (cv2.resize(part, cells, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
                           for part in (np.maximum(alpha, leaves), shade, leaves))  # fmt: skip
    share = (green / np.maximum(cover, 1e-3))[..., None]
    colour = place.lit(bark + share * (leaf - bark), 0.5) * (0.35 + 0.9 * light / np.maximum(cover, 1e-3))[..., None]
    return place.layer(distance, colour, cover, top, left)


def grow(rng: np.random.Generator, tall: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Branches from (N, 2) to (N, 2) in m, x to the right and y up from the foot, and their widths (N,) in m."""
    count, angle = 1, np.array([rng.normal(0, 0.05)])
    start, length, width = np.zeros((1, 2)), np.array([0.28 * tall]), np.array([0.035 * tall])
    starts, ends, widths = [], [], []
    for _ in range(8):
        end = start + length[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
        starts.append(start), ends.append(end), widths.append(width)
        forks = rng.integers(2, 4, count)
        which = np.repeat(np.arange(count), forks)[:2200]
        count = len(which)
        along = rng.uniform(0.55, 1.0, count)[:, None]
        start = starts[-1][which] * (1 - along) + end[which] * along
        angle = 0.9 * angle[which] + rng.normal(0, 0.5, count)
        length = length[which] * rng.uniform(0.6, 0.88, count)
        width = np.maximum(width[which] * rng.uniform(0.5, 0.7, count), 0.006)
    return np.concatenate(starts), np.concatenate(ends), np.concatenate(widths)


def _draw_branches(starts: np.ndarray, ends: np.ndarray, widths: np.ndarray, alpha: np.ndarray,
                   shade: np.ndarray) -> None:  # fmt: skip
    """Thin ones first; what is thinner than a cell covers a part of it. Widths in cells."""
    for number in np.argsort(widths, kind='stable'):
        line = [tuple(int(value) for value in np.rint(16 * end)) for end in (starts[number], ends[number])]
        width = widths[number]
        cover, thick = int(255 * min(width, 1.0)), max(round(width), 1)
        cv2.line(alpha, *line, cover, thick, cv2.LINE_AA, 4)
        cv2.line(shade, *line, int(0.5 * cover), thick, cv2.LINE_AA, 4)


def _draw_leaves(rng: np.random.Generator, places: np.ndarray, per_metre: float, alpha: np.ndarray,
                 shade: np.ndarray) -> None:  # fmt: skip
    places = np.repeat(places[:: max(len(places) // 2500, 1)], 4, 0)
    jitter = rng.normal(0, 0.22 * per_metre, places.shape)
    radii, lights = rng.uniform(0.02, 0.09, len(places)) * per_metre, rng.uniform(50, 235, len(places))
    for (x, y), radius, light in zip(places + jitter, radii, lights):
        circle = (int(16 * x), int(16 * y)), max(int(16 * radius), 8)
        cv2.circle(alpha, *circle, 255, -1, cv2.LINE_AA, 4)
        cv2.circle(shade, *circle, int(light), -1, cv2.LINE_AA, 4)
