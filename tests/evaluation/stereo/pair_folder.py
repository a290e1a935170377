"""Two small pairs in Middlebury's layout: random dots shifted by steps of disparity, with exact masks."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from perception_kd.datasets.stereo.pfm import write_pfm

HEIGHT, WIDTH = 48, 96
BACK, FRONT = 4, 12
"""Disparity of the background and of the square before it, px."""


def make_pair(seed: int) -> dict[str, np.ndarray]:
    """Pictures, disparity (one column unknown), and what both see of a square that floats before a plane."""
    random = np.random.default_rng(seed)
    texture = cv2.GaussianBlur(random.integers(0, 256, (2, HEIGHT, WIDTH + 40)).astype(np.float32), (0, 0), 0.8)
    disparity = np.full((HEIGHT, WIDTH), BACK, np.float32)
    disparity[12:36, 40:70] = FRONT
    columns = np.arange(WIDTH)
    left = np.where(disparity == FRONT, texture[1][:, 20 + columns], texture[0][:, 20 + columns])
    right = texture[0][:, 20 + columns + BACK].copy()
    right[12:36, 40 - FRONT:70 - FRONT] = texture[1][12:36, 60:90]
    noc = np.ones((HEIGHT, WIDTH), bool)
    noc[:, :BACK] = False
    noc[12:36, 40 - FRONT + BACK:40] = False  # background that the square hides from the right camera
    disparity[:, -1] = np.inf
    grey = [np.repeat(np.clip(one, 0, 255).astype(np.uint8)[..., None], 3, 2) for one in (left, right)]
    return dict(left=grey[0], right=grey[1], disp=disparity, noc=noc & np.isfinite(disparity))


def write_pairs(root: Path, names: tuple[str, ...] = ('lamp', 'vase')) -> Path:
    """Write them below ``root/train``; returns ``root``."""
    for seed, name in enumerate(names):
        folder, pair = root / 'train' / name, make_pair(seed)
        folder.mkdir(parents=True)
        for file, side in (('im0.png', 'left'), ('im1.png', 'right')):
            cv2.imwrite(str(folder / file), pair[side])
        write_pfm(folder / 'disp0.pfm', pair['disp'])
        cv2.imwrite(str(folder / 'mask0nocc.png'), np.where(pair['noc'], 255, 128).astype(np.uint8))
    return root
