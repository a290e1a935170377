"""RoboBEV's Motion Blur, and lengths in pixels of pictures of any size."""

from __future__ import annotations

import cv2
import numpy as np

from perception_kd.faults.base import Draw, Fault, check_positive
from perception_kd.registry import FAULTS

REFERENCE_WIDTH = 1600
"""Columns of a nuScenes picture, for which RoboBEV's lengths in pixels are meant; smaller pictures get shorter ones."""


@FAULTS.register_module()
class MotionBlur(Fault):
    """Blur along one direction, drawn in -45..45 degrees for each picture (ImageNet-C). Published (radius, sigma):
    (15, 5), (15, 12) and (20, 15).

    Args:
        radius: The kernel, one half of a Gaussian, has ``2 * radius + 1`` pixels.
        sigma: Of the Gaussian. Both in pixels of a picture of ``REFERENCE_WIDTH`` columns.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(radius=15, sigma=5.0), 'moderate': dict(radius=15, sigma=12.0),
                 'hard': dict(radius=20, sigma=15.0)}

    def __init__(self, *, radius: float, sigma: float) -> None:
        check_positive('MotionBlur', radius=radius, sigma=sigma)
        self.radius, self.sigma = radius, sigma

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same, blurred."""
        return direction_blur(data, self.radius, self.sigma, draw.here.uniform(-45, 45))


def pixels_of(length: float, width: int) -> float:
    """A length in pixels at ``REFERENCE_WIDTH`` columns -> in a picture of ``width`` columns."""
    return length * width / REFERENCE_WIDTH


def direction_blur(image: np.ndarray, radius: float, sigma: float, angle_deg: float) -> np.ndarray:
    """Blur (H, W) or (H, W, 3) with a half Gaussian along a direction (ImageMagick's motion blur).

    Args:
        image: uint8.
        radius, sigma: In pixels at ``REFERENCE_WIDTH`` columns.
        angle_deg: From +x, counter-clockwise.
    """
    width = image.shape[1]
    kernel, anchor = blur_kernel(pixels_of(radius, width), pixels_of(sigma, width), angle_deg)
    return cv2.filter2D(image, -1, kernel, anchor=anchor, borderType=cv2.BORDER_REPLICATE)


def blur_kernel(radius: float, sigma: float, angle_deg: float) -> tuple[np.ndarray, tuple[int, int]]:
    """Kernel (h, w) float32 that sums to 1, and the place (x, y) in it of the pixel that is computed.

    ``2 * radius + 1`` points, one a pixel apart along the direction, with the weights of half a Gaussian that begins at
    the pixel itself; a point between pixels is shared by the four around it.
    """
    length = np.arange(max(round(2 * radius) + 1, 1))
    weight = np.exp(-length ** 2 / (2 * max(sigma, 1e-3) ** 2))
    angle = np.deg2rad(angle_deg)
    x, y = length * np.cos(angle), -length * np.sin(angle)
    left, top = int(np.floor(x.min())), int(np.floor(y.min()))
    kernel = np.zeros((int(np.floor(y.max())) - top + 2, int(np.floor(x.max())) - left + 2))
    column, row = np.floor(x).astype(int), np.floor(y).astype(int)
    for dx in (0, 1):
        for dy in (0, 1):
            part = np.abs(1 - dx - (x - column)) * np.abs(1 - dy - (y - row))
            np.add.at(kernel, (row + dy - top, column + dx - left), weight * part)
    return (kernel / kernel.sum()).astype(np.float32), (-left, -top)
