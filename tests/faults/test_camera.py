"""What each fault does to pictures, against formulas written anew and against what defines it."""

from __future__ import annotations

import colorsys

import cv2
import numpy as np
import pytest

from perception_kd.faults import LEVELS, Draw, build_fault
from perception_kd.faults.camera_blur import blur_kernel
from perception_kd.faults.camera_weather import plasma

PIXELS = ('Brightness', 'Dark', 'Fog', 'Snow', 'MotionBlur', 'ColorQuant')


def picture(height: int = 90, width: int = 160) -> np.ndarray:
    """A smooth picture with an edge, and all colours."""
    rng = np.random.default_rng(0)
    image = cv2.resize(rng.integers(0, 256, (9, 16, 3), np.uint8), (width, height))
    image[:, width // 2] = 255
    return image


def faulty(name: str, level: str, image: np.ndarray, file: str = 'a.jpg', seed: int = 0) -> np.ndarray:
    fault = build_fault(dict(type=name, severity=level))
    return fault.change(image.copy(), Draw((seed, name), 'scene', 'CAM_FRONT', file))


@pytest.mark.parametrize('name', PIXELS)
def test_every_fault_keeps_the_form_and_grows_with_severity(name):
    image = picture()
    distance = []
    for level in LEVELS:
        found = faulty(name, level, image)
        assert found.shape == image.shape and found.dtype == np.uint8
        distance.append(np.abs(found.astype(float) - image).mean())
    assert distance[0] > 0
    if name not in ('Fog', 'Snow'):  # theirs change the kind of cloud and of flakes
        assert distance[0] < distance[1] < distance[2]


@pytest.mark.parametrize('name', ['Dark', 'Fog', 'Snow', 'MotionBlur'])
def test_random_faults_depend_on_seed_and_file_name_alone(name):
    image = picture()
    one = faulty(name, 'hard', image, 'root/a.jpg')
    assert np.array_equal(one, faulty(name, 'hard', image, 'other/a.jpg'))
    assert not np.array_equal(one, faulty(name, 'hard', image, 'root/b.jpg'))
    assert not np.array_equal(one, faulty(name, 'hard', image, 'root/a.jpg', seed=1))


@pytest.mark.parametrize('name', PIXELS)
@pytest.mark.parametrize('size', [(1, 1), (3, 40), (64, 5)])
def test_pictures_of_any_size(name, size):
    for value in (0, 255):
        found = faulty(name, 'hard', np.full((*size, 3), value, np.uint8))
        assert found.shape == (*size, 3)


def test_brightness_adds_to_the_value_of_hsv():
    image = np.random.default_rng(1).integers(0, 256, (4, 5, 3), np.uint8)
    image[0, 0] = 0
    for level, shift in zip(LEVELS, (0.2, 0.4, 0.5)):
        found = faulty('Brightness', level, image)
        for (b, g, r), out in zip(image.reshape(-1, 3), found.reshape(-1, 3)):
            hue, saturation, value = colorsys.rgb_to_hsv(r / 255, g / 255, b / 255)
            wanted = np.array(colorsys.hsv_to_rgb(hue, saturation, min(value + shift, 1)))[::-1] * 255
            assert np.abs(out - wanted).max() <= 0.51


def test_dark_lays_the_squared_range_on_its_scale():
    image = np.repeat(np.linspace(30, 230, 64).astype(np.uint8), 64 * 3).reshape(64, 64, 3)
    found = faulty('Dark', 'easy', image).astype(float)
    wanted = 255 * 0.5 * ((image.astype(float) - 30) / 200) ** 2
    bright = image > 150
    assert found[bright].mean() == pytest.approx(wanted[bright].mean(), rel=0.01)
    brightest, darker = (found[rows].std() for rows in (slice(60, 64), slice(38, 42)))
    assert brightest > darker  # photon noise grows with the signal


def test_quantisation_keeps_the_highest_bits():
    for level, bits in zip(LEVELS, (5, 4, 3)):
        found = faulty('ColorQuant', level, picture())
        assert np.array_equal(found, picture() // 2 ** (8 - bits) * 2 ** (8 - bits))


def test_fog_is_the_published_mixture_with_a_cloud():
    image = picture()
    cloud = plasma(256, 2.0, Draw((0, 'Fog'), 'scene', 'CAM_FRONT', 'a.jpg').here)[:90, :160]
    wanted = (image / 255 + 2.0 * cloud[..., None]) * 1.0 / (1.0 + 2.0) * 255
    assert np.abs(faulty('Fog', 'easy', image) - wanted).max() <= 0.51
    edges = [np.abs(np.diff(faulty('Fog', level, image).astype(float), axis=1)).max() for level in LEVELS]
    assert edges[0] > edges[1] > edges[2]


def test_plasma_is_rougher_the_less_smooth_and_spans_zero_to_one():
    rough = []
    for smoothness in (2.0, 1.5, 1.1):
        cloud = plasma(64, smoothness, np.random.default_rng(0))
        assert (cloud.min(), cloud.max()) == (0, 1) and cloud.shape == (64, 64)
        rough.append(np.abs(np.diff(cloud, axis=0)).mean())
    assert rough[0] < rough[1] < rough[2]


def test_snow_brightens_and_puts_streaks_that_are_longer_downwards():
    black = np.zeros((200, 400, 3), np.uint8)
    for level in LEVELS:
        found = faulty('Snow', level, black)[..., 0].astype(float)
        assert found.mean() > 20
        across, down = (np.abs(np.diff(found, axis=axis)).mean() for axis in (1, 0))
        assert down < across
        assert np.array_equal(found[::-1, ::-1], found)  # flakes come once as drawn and once upside down


def test_blur_kernel_is_half_a_gaussian_along_its_direction():
    kernel, (x, y) = blur_kernel(3, 2.0, 0.0)
    wanted = np.exp(-np.arange(7) ** 2 / 8)
    assert np.allclose(kernel[y, x:x + 7], wanted / wanted.sum()) and kernel.sum() == pytest.approx(1)
    kernel, (x, y) = blur_kernel(3, 2.0, -90.0)
    assert np.allclose(kernel[y:y + 7, x], wanted / wanted.sum(), atol=1e-6)
    tilted, _ = blur_kernel(15, 12.0, 33.0)
    rows, columns = np.nonzero(tilted > 0.005)
    assert np.degrees(np.arctan2(-np.ptp(rows), np.ptp(columns))) == pytest.approx(-33, abs=3)


def test_blur_leaves_flat_pictures_and_mean_values():
    flat = np.full((40, 60, 3), 77, np.uint8)
    assert np.array_equal(faulty('MotionBlur', 'hard', flat), flat)


def test_lengths_follow_the_width_of_the_picture():
    """The same scene at half the size is blurred by half the pixels."""
    large = cv2.resize(picture(), (800, 450))
    small = cv2.resize(large, (400, 225), interpolation=cv2.INTER_AREA)
    blurred = cv2.resize(faulty('MotionBlur', 'hard', large), (400, 225), interpolation=cv2.INTER_AREA)
    assert np.abs(blurred.astype(float) - faulty('MotionBlur', 'hard', small)).mean() < 1.5


@pytest.mark.parametrize('cfg, message', [
    (dict(type='Mist'), 'no fault'), (dict(type='Fog', severity='worst'), 'has severities easy, moderate, hard'),
    (dict(type='Fog', thickness=1.0), 'smoothness'), (dict(type='Fog', thickness=-1, smoothness=2), 'negative'),
    (dict(type='ColorQuant', bits=0), '1 to 8'), (dict(type='FrameLost', prob=2), r'\[0, 1\]'), (dict(), 'no fault'),
])
def test_wrong_settings_are_refused(cfg, message):
    with pytest.raises(ValueError, match=message):
        build_fault(cfg)
