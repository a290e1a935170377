"""From light to the file of a camera: lens, colour filters, noise, tone, sharpening, video coding."""

from dataclasses import dataclass

import cv2
import numpy as np

from perception_kd.simulation.uav.weather import Weather

_AIMS = {'dusk': (0.12, 0.26), 'overcast': (0.3, 0.5), 'haze': (0.3, 0.55)}
"""Light of the picture's median."""
_WHITE, _BRIGHTEST = 65535, 2.0
"""Steps of the raw picture, and the light that the last one stands for."""


@dataclass(frozen=True)
class Sensor:
    """What one camera does to light.

    Args:
        gain: (3,) factors of exposure and white balance, RGB.
        blur: Standard deviation of the lens in px.
        vignetting: Loss of light in the corners, 0..1.
        shot, read: Noise: its variance is ``shot`` * light + ``read`` ** 2, of light 0..1.
        gamma: Exponent of the tone curve.
        contrast: Steepness of the tone curve in its middle, 0 none.
        saturation: Factor of colourfulness.
        sharpening: Strength of the camera's own sharpening.
        coding: Quality of its video coding, as of a JPEG file with coarse colour.
        jpeg: Quality of the file.
    """

    gain: np.ndarray
    blur: float
    vignetting: float
    shot: float
    read: float
    gamma: float
    contrast: float
    saturation: float
    sharpening: float
    coding: int
    jpeg: int


def draw_sensor(rng: np.random.Generator, weather: Weather, picture: np.ndarray, coding: tuple[int, int],
                jpeg: tuple[int, int]) -> Sensor:  # fmt: skip
    """A camera set for a view (H, W, 3) of linear light."""
    grey = picture.mean(-1)
    aim = rng.uniform(*_AIMS.get(weather.name, (0.2, 0.42)))
    exposure = min(aim / max(float(np.median(grey)), 1e-4), 0.92 / max(float(np.percentile(grey, 95)), 1e-4))
    white = np.exp(rng.normal(0, (0.05, 0.015, 0.06)))
    shot = weather.noise * np.exp(rng.uniform(-1.2, 1.2))
    return Sensor(
        np.float32(exposure * white), blur=rng.uniform(0.35, 0.95), vignetting=rng.choice([0, rng.uniform(0, 0.35)]),
        shot=shot, read=2 * shot, gamma=rng.uniform(1.9, 2.4), contrast=rng.uniform(0, 0.35),
        saturation=rng.uniform(0.75, 1.35), sharpening=rng.choice([0, rng.uniform(0, 1.0)]),
        coding=int(rng.uniform(*coding)), jpeg=int(rng.uniform(*jpeg)))  # fmt: skip


def develop(light: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """(H, W, 3) uint8 in OpenCV's BGR order of linear RGB light (H, W, 3)."""
    height, width = light.shape[:2]
    picture = cv2.GaussianBlur(light, (0, 0), sensor.blur) * sensor.gain
    if sensor.vignetting:
        y, x = (np.linspace(-1, 1, size, dtype=np.float32) ** 2 for size in (height, width))
        picture *= (1 - sensor.vignetting * (y[:, None] + x) / 2)[..., None]
    raw = _mosaic(picture)
    raw += np.sqrt(sensor.shot * raw + sensor.read**2) * rng.standard_normal(raw.shape, np.float32)
    raw = np.clip(raw * (_WHITE / _BRIGHTEST) + 0.5, 0, _WHITE).astype(np.uint16)
    picture = cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2BGR)
    picture = _graded(_curve(sensor)[picture], sensor)
    return _coded(picture, sensor.coding)


def encode(picture: np.ndarray, sensor: Sensor) -> bytes:
    """The file of a picture (H, W, 3) uint8."""
    return cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, sensor.jpeg])[1].tobytes()


def _mosaic(picture: np.ndarray) -> np.ndarray:
    """(H, W) what colour filters in Bayer's pattern (red at the first place) let through of RGB (H, W, 3)."""
    raw = picture[..., 1].copy()
    raw[::2, ::2], raw[1::2, 1::2] = picture[::2, ::2, 0], picture[1::2, 1::2, 2]
    return np.maximum(raw, 0)


def _curve(sensor: Sensor) -> np.ndarray:
    """(_WHITE + 1,) float32 tone, 0..255, of light up to ``_BRIGHTEST``; above 0.8 it bends towards white."""
    light = np.arange(_WHITE + 1, dtype=np.float32) * (_BRIGHTEST / _WHITE)
    light = np.minimum(light, 0.8) + 0.2 * (1 - np.exp(-np.maximum(light - 0.8, 0) / 0.2))
    tone = light ** (1 / sensor.gamma)
    bent = tone + sensor.contrast * (tone * tone * (3 - 2 * tone) - tone)
    return (255 * bent).astype(np.float32)


def _graded(picture: np.ndarray, sensor: Sensor) -> np.ndarray:
    grey = picture.mean(-1, keepdims=True)
    colour = cv2.GaussianBlur(picture - grey, (0, 0), 1.3)  # cameras smooth the noise of colours more than of light
    picture = grey + sensor.saturation * colour
    if sensor.sharpening:
        picture += sensor.sharpening * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
    return np.clip(picture + 0.5, 0, 255).astype(np.uint8)


def _coded(picture: np.ndarray, quality: int) -> np.ndarray:
    coarse = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_420]
    _, code = cv2.imencode('.jpg', picture, [cv2.IMWRITE_JPEG_QUALITY, quality, *coarse])
    return cv2.imdecode(code, cv2.IMREAD_COLOR)
