"""Light and colour: RoboBEV's Brightness, Dark and Color Quant (Xie et al., arXiv:2304.06719)."""

from __future__ import annotations

import cv2
import numpy as np

from perception_kd.faults.base import Draw, Fault, check_positive
from perception_kd.registry import FAULTS


@FAULTS.register_module()
class Brightness(Fault):
    """Adds to V of HSV and clips (ImageNet-C; Hendrycks and Dietterich, ICLR 2019). Published: 0.2, 0.4 and 0.5.

    With H and S kept, all channels of a pixel grow by the factor by which V = max(R, G, B) grows; black becomes grey.

    Args:
        shift: Added to V, which is in 0..1.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(shift=0.2), 'moderate': dict(shift=0.4), 'hard': dict(shift=0.5)}

    def __init__(self, *, shift: float) -> None:
        value = np.arange(256, dtype=np.float32)
        target = np.clip(value + 255 * shift, 0, 255)
        self._gain = np.divide(target, value, out=np.zeros_like(value), where=value > 0)
        self._black = float(target[0])

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same, brighter."""
        value = data.max(axis=2)
        gain = cv2.merge([cv2.LUT(value, self._gain)] * 3)
        bright = cv2.multiply(data, gain, dtype=cv2.CV_8U)
        bright[value == 0] = round(self._black)
        return bright


@FAULTS.register_module()
class Dark(Fault):
    """Less light, and the noise that it uncovers ("low light" of 3D Common Corruptions; Kar et al., CVPR 2022).

    The picture's range of intensities, with gamma 2, is laid on 0..``scale``; then come photon noise, whose variance
    grows with the signal, and read-out noise. Published scales: 0.5, 0.4 and 0.3; the strength of the noise is ours.

    Args:
        scale: The brightest intensity that is left, of 1.
        photons: That make intensity 1: fewer are noisier.
        read_noise: Standard deviation of the read-out noise, of 1.
        gamma: Of the darkening.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(scale=0.5, photons=500.0, read_noise=0.01),
                 'moderate': dict(scale=0.4, photons=250.0, read_noise=0.015),
                 'hard': dict(scale=0.3, photons=120.0, read_noise=0.02)}

    def __init__(self, *, scale: float, photons: float, read_noise: float, gamma: float = 2.0) -> None:
        check_positive('Dark', scale=scale, read_noise=read_noise, gamma=gamma)
        if photons <= 0:
            raise ValueError(f'Dark: photons must be above 0, got {photons}')
        self.scale, self.photons, self.read_noise, self.gamma = scale, photons, read_noise, gamma

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same, darker and noisy."""
        low, high = float(data.min()), float(data.max())
        level = np.clip((np.arange(256) - low) / max(high - low, 1.0), 0, 1)
        signal = self.scale * level ** self.gamma
        spread = np.sqrt(signal / self.photons + self.read_noise ** 2)
        noise = draw.here.standard_normal(data.shape, np.float32)
        noise *= cv2.LUT(data, (255 * spread).astype(np.float32))
        noise += cv2.LUT(data, (255 * signal).astype(np.float32))
        return cv2.convertScaleAbs(np.maximum(noise, 0, out=noise))


@FAULTS.register_module()
class ColorQuant(Fault):
    """Only the highest bits of each channel are left. Published: 5, 4 and 3 bits.

    Args:
        bits: 1 to 8.
    """

    sensor = 'camera'
    LEVELS_OF = {'easy': dict(bits=5), 'moderate': dict(bits=4), 'hard': dict(bits=3)}

    def __init__(self, *, bits: int) -> None:
        if bits not in range(1, 9):
            raise ValueError(f'ColorQuant: bits must be 1 to 8, got {bits}')
        self._mask = np.uint8(256 - (1 << (8 - bits)))

    def change(self, data: np.ndarray, draw: Draw) -> np.ndarray:
        """Picture (H, W, 3) uint8 -> the same, with ``2 ** bits`` values a channel."""
        return data & self._mask
