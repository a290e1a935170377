"""Pairs whose truth is a formula: two pictures of one slanted, smoothly painted plane."""

from __future__ import annotations

from typing import Any

import numpy as np

HEIGHT, WIDTH = 48, 96


def plane_disparity(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Of the left picture at (x, y)."""
    return 6 + 0.04 * x + 0.05 * y


def plane_pair(height: int = HEIGHT, width: int = WIDTH) -> dict[str, Any]:
    """A loaded sample, both pictures of one paint; the right one is seen through the inverse of the left disparity."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    disp = plane_disparity(x, y)
    x_of_right = (x + 6 + 0.05 * y) / (1 - 0.04)  # x_left of what the right picture shows at x
    disp_right = x_of_right - x
    return {
        'left': paint(x, y), 'right': paint(x_of_right, y), 'disp': disp.astype(np.float32),
        'disp_right': disp_right.astype(np.float32), 'valid': np.ones_like(disp, bool),
        'valid_right': np.ones_like(disp, bool), 'noc': x - disp >= 0, 'noc_right': x_of_right <= width - 1,
        'focal': 100.0, 'baseline': 0.5, 'doffs': 3.0, 'sparse': False, 'left_path': 'l.png', 'right_path': 'r.png'}


def paint(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Colour of the plane, (H, W, 3) uint8."""
    waves = [np.sin(0.21 * x + 0.13 * y), np.sin(0.17 * x - 0.19 * y + 1), np.cos(0.11 * x + 0.23 * y)]
    return np.stack([np.round(127 + 100 * wave).astype(np.uint8) for wave in waves], axis=2)


def mismatch(sample: dict[str, Any]) -> float:
    """Mean difference of the left picture and of the right one where disparity says, grey levels."""
    height, width = sample['disp'].shape
    errors = []
    for y in range(height):
        x = np.arange(width) - sample['disp'][y]
        seen = sample['valid'][y] & (x >= 0) & (x <= width - 1)
        for channel in range(3):
            row = np.interp(x[seen], np.arange(width), sample['right'][y, :, channel].astype(float))
            errors.append(np.abs(row - sample['left'][y, seen, channel]))
    return float(np.concatenate(errors).mean())
