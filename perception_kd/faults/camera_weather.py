"""RoboBEV's Fog and Snow: the formulas of ImageNet-C (Hendrycks and Dietterich, ICLR 2019) in OpenCV and NumPy."""

from __future__ import annotations

import cv2
import numpy as np

from perception_kd.faults.base import Draw, Fault, check_positive, check_share
from perception_kd.faults.camera_blur import direction_blur, pixels_of
from perception_kd.registry import FAULTS

_FINEST = 512  # finer parts of a fog weigh less than 0.3 %


@FAULTS.register_module()
class Fog(Fault):
    """A cloud of plasma noise over the picture, whose brightest value stays where it was.

    ``(x + thickness * cloud) * max(x) / (max(x) + thickness)`` with a cloud in 0..1 that knows of no depth. Published
    (thickness, smoothness): (2, 2), (2.5, 1.5) and (3, 1.4).

    Args:
        thickness: Weight of the cloud.
        smoothness: The higher, the less of the cloud is in its small parts.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(thickness=2.0, smoothness=2.0), 'moderate': dict(thickness=2.5, smoothness=1.5),
                 'hard': dict(thickness=3.0, smoothness=1.4)}

    def __init__(self, *, thickness: float, smoothness: float) -> None:
        check_positive('Fog', thickness=thickness)
        if smoothness < 1:
            raise ValueError(f'Fog: smoothness must be at least 1, got {smoothness}')
        self.thickness, self.smoothness = thickness, smoothness

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same in fog."""
        height, width = data.shape[:2]
        full = 1 << max(height, width, 2).bit_length()
        side = min(full, _FINEST)
        cloud = plasma(side, self.smoothness, draw.here)
        cloud = cloud[:-(-height * side // full), :-(-width * side // full)]
        brightest = int(data.max()) / 255
        rest = brightest / (brightest + self.thickness) if brightest else 0.0
        cloud = cv2.resize(cloud * np.float32(255 * self.thickness * rest), (width, height))
        return cv2.addWeighted(data, rest, cv2.merge([cloud] * 3), 1.0, 0.0, dtype=cv2.CV_8U)


@FAULTS.register_module()
class Snow(Fault):
    """Falling flakes, drawn out by their motion, over a picture that turns grey and white.

    Flakes are the values above ``threshold`` of normal noise, enlarged and blurred along one direction, once as drawn
    and once upside down. The picture is mixed with ``max(x, 1.5 * grey + 0.5)``. Published (mean, std, size, threshold,
    blur_radius, blur_sigma, keep): (0.1, 0.3, 3, 0.5, 10, 4, 0.8), (0.2, 0.3, 2, 0.5, 12, 4, 0.7) and
    (0.55, 0.3, 4, 0.9, 12, 8, 0.7).

    Args:
        mean, std: Of the noise.
        size: By how much it is enlarged, in a picture of ``REFERENCE_WIDTH`` columns.
        threshold: Of the flakes, 0..1.
        blur_radius, blur_sigma: See :class:`MotionBlur`.
        keep: Share of the picture in the mixture.
    """

    sensor = 'camera'
    LEVELS_OF = {
        'easy': dict(mean=0.1, std=0.3, size=3.0, threshold=0.5, blur_radius=10, blur_sigma=4.0, keep=0.8),
        'moderate': dict(mean=0.2, std=0.3, size=2.0, threshold=0.5, blur_radius=12, blur_sigma=4.0, keep=0.7),
        'hard': dict(mean=0.55, std=0.3, size=4.0, threshold=0.9, blur_radius=12, blur_sigma=8.0, keep=0.7)}

    def __init__(self, *, mean: float, std: float, size: float, threshold: float, blur_radius: float,
                 blur_sigma: float, keep: float) -> None:
        check_share('Snow', keep=keep, threshold=threshold)
        check_positive('Snow', std=std, size=size, blur_radius=blur_radius, blur_sigma=blur_sigma)
        self.mean, self.std, self.size, self.threshold, self.keep = mean, std, size, threshold, keep
        self.blur_radius, self.blur_sigma = blur_radius, blur_sigma

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same in snow."""
        flakes = self._flakes(data.shape[0], data.shape[1], draw.here)
        flakes = cv2.add(flakes, cv2.rotate(flakes, cv2.ROTATE_180))
        grey = cv2.convertScaleAbs(cv2.cvtColor(data, cv2.COLOR_BGR2GRAY), alpha=1.5, beta=127.5)
        white = np.maximum(data, grey[..., None])
        mixed = cv2.addWeighted(data, self.keep, white, 1 - self.keep, 0.0)
        return cv2.add(mixed, cv2.merge([flakes] * 3))

    def _flakes(self, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """(height, width) uint8."""
        size = max(pixels_of(self.size, width), 1.0)
        noise = rng.standard_normal((-int(-height // size), -int(-width // size)), np.float32)
        noise = np.clip(self.mean + self.std * noise, 0, 1) * 255
        noise = cv2.resize(noise, (width, height))
        noise[noise < 255 * self.threshold] = 0
        return direction_blur(noise.astype(np.uint8), self.blur_radius, self.blur_sigma, rng.uniform(-135, -45))


def plasma(side: int, smoothness: float, rng: np.random.Generator) -> np.ndarray:
    """Periodic plasma noise (side, side) float32 in 0..1 by the diamond-square method.

    Each new point is the mean of its four neighbours and a uniform step, which shrinks by ``smoothness`` squared (as in
    ImageNet-C) whenever their distance halves.

    Args:
        side: A power of 2.
    """
    field, step = np.zeros((1, 1), np.float32), 1.0
    while len(field) < side:
        count = len(field)
        beside, below = np.roll(field, -1, 1), np.roll(field, -1, 0)
        drawn = rng.uniform(-step, step, (3, count, count)).astype(np.float32)
        middle = (field + beside + below + np.roll(below, -1, 1)) / 4 + drawn[0]
        finer = np.empty((2 * count, 2 * count), np.float32)
        finer[::2, ::2], finer[1::2, 1::2] = field, middle
        finer[::2, 1::2] = (field + beside + middle + np.roll(middle, 1, 0)) / 4 + drawn[1]
        finer[1::2, ::2] = (field + below + middle + np.roll(middle, 1, 1)) / 4 + drawn[2]
        field, step = finer, step / smoothness ** 2
    return (field - field.min()) / max(np.ptp(field), 1e-6)
