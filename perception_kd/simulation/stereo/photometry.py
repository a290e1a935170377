"""From light to the picture of a real camera: lens, exposure, noise, colour, JPEG."""

from dataclasses import dataclass

import cv2
import numpy as np


@dataclass(frozen=True)
class Camera:
    """What one camera does to light.

    Args:
        gain: (3,) factors of exposure and white balance.
        gamma: Exponent of the tone curve (2.2 as in sRGB).
        vignetting: Loss of light in the corners, 0..1.
        blur: Standard deviation of the lens in px.
        shot, read: Noise: variance is ``shot`` * light + ``read`` ** 2, light 0..1.
        saturation: Factor of colourfulness.
        sharpening: Strength of the sharpening of the camera's software.
        jpeg: Quality, or 0 for none.
    """

    gain: np.ndarray
    gamma: float
    vignetting: float
    blur: float
    shot: float
    read: float
    saturation: float
    sharpening: float
    jpeg: int


def draw_cameras(rng: np.random.Generator) -> tuple[Camera, Camera]:
    """A left and a right camera, equal in most, slightly or clearly different in other pairs."""
    differ = rng.choice([0.0, 0.3, 1.0], p=[0.35, 0.4, 0.25])
    gain = np.exp(rng.normal(0, (0.05, 0.02, 0.05)))
    base = {'gamma': rng.uniform(1.9, 2.5), 'vignetting': rng.choice([0, rng.uniform(0, 0.5)]),
            'blur': rng.choice([0.0, rng.uniform(0.3, 0.8)]), 'saturation': rng.uniform(0.6, 1.2),
            'sharpening': rng.choice([0, 0, rng.uniform(0, 0.8)])}  # fmt: skip
    noise = np.exp(rng.uniform(np.log(2e-5), np.log(1.5e-3)))
    quality = int(rng.uniform(55, 98)) if rng.random() < 0.4 else 0

    def one() -> Camera:
        own = {**base, 'gamma': base['gamma'] * np.exp(differ * rng.normal(0, 0.06)),
               'blur': max(0.0, base['blur'] + differ * rng.normal(0, 0.25)),
               'saturation': base['saturation'] * np.exp(differ * rng.normal(0, 0.1))}  # fmt: skip
        light = gain * np.exp(differ * rng.normal(0, 0.12)) * np.exp(differ * rng.normal(0, 0.04, 3))
        return Camera(light.astype(np.float32), shot=noise, read=2 * noise, jpeg=quality, **own)

    return one(), one()


def exposure_of(picture: np.ndarray, rng: np.random.Generator) -> float:
    """Factor that brings the light (H, W, 3) of the left view into range, more or less well."""
    grey = picture.mean(-1)
    middle, bright = np.median(grey), np.percentile(grey, 98)
    return float(rng.uniform(0.7, 1.3) * min(0.22 / max(middle, 1e-4), 0.95 / max(bright, 1e-4)))


def expose(light: np.ndarray, camera: Camera, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 RGB of linear light (H, W, 3), where 1 is white."""
    height, width = light.shape[:2]
    picture = cv2.GaussianBlur(light, (0, 0), camera.blur) if camera.blur > 0.2 else light
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = ((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 2
    picture = np.maximum(picture * camera.gain, 0) * (1 - camera.vignetting * radius)[..., None]
    spread = np.sqrt(camera.shot * picture + camera.read**2)
    picture = picture + spread * rng.standard_normal(picture.shape, np.float32)
    picture = _shoulder(np.maximum(picture, 0)) ** np.float32(1 / camera.gamma)
    grey = picture.mean(-1, keepdims=True)
    picture = grey + camera.saturation * (picture - grey)
    if camera.sharpening:
        picture += camera.sharpening * (picture - cv2.GaussianBlur(picture, (0, 0), 1.0))
    picture = np.clip(picture * 255 + 0.5, 0, 255).astype(np.uint8)
    if not camera.jpeg:
        return picture
    _, code = cv2.imencode('.jpg', picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, camera.jpeg])
    return np.ascontiguousarray(cv2.imdecode(code, cv2.IMREAD_COLOR)[..., ::-1])


def _shoulder(light: np.ndarray) -> np.ndarray:
    """Straight up to 0.8, then bent so that brighter light does not clip at once."""
    over = np.maximum(light - 0.8, 0)
    return np.minimum(light, 0.8) + 0.2 * (1 - np.exp(-over / 0.2))
