"""Colours against hand values and OpenCV-free formulas; boxes are not looked at."""

import colorsys

import numpy as np
import pytest

from perception_kd.datasets.transforms.uav import HSVJitter, LightDegradation
from perception_kd.datasets.transforms.uav_photo import blur_picture, compress, equalise, grey_picture, median_picture
from perception_kd.engine.random_state import random_draws


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def test_hsv_equals_the_formula(picture):
    with random_draws([5]):
        out = HSVJitter(hue=0.1, saturation=0.7, value=0.4)({'img': picture})['img']
    with random_draws([5]):
        turn, saturation, value = np.random.uniform(-1, 1, 3) * (0.1, 0.7, 0.4)
    for before, after in zip(picture.reshape(-1, 3)[:200], out.reshape(-1, 3)):
        h, s, v = colorsys.rgb_to_hsv(*(before[::-1] / 255.0))
        wanted = colorsys.hsv_to_rgb((h + turn) % 1, min(s * (1 + saturation), 1), min(v * (1 + value), 1))
        # Three 8-bit roundings lie between.
        np.testing.assert_allclose(after[::-1], np.multiply(wanted, 255), atol=6)


def test_no_strength_changes_nothing(picture):
    grey = np.repeat(picture[..., :1], 3, axis=2)
    assert (HSVJitter(hue=0, saturation=0, value=0)({'img': grey})['img'] == grey).all()
    none = LightDegradation(blur=0, median=0, grey=0, clahe=0, jpeg=0)
    assert none({'img': picture})['img'] is picture


def test_degradations_by_hand(picture):
    inner = picture[4:7, 4:7].astype(float)
    np.testing.assert_allclose(blur_picture(picture, 3)[5, 5], inner.mean(axis=(0, 1)), atol=0.51)
    np.testing.assert_array_equal(median_picture(picture, 3)[5, 5], np.median(inner, axis=(0, 1)))
    grey = grey_picture(picture)
    np.testing.assert_allclose(grey[..., 0], picture @ np.array([0.114, 0.587, 0.299]), atol=0.51)
    assert (grey == grey[..., :1]).all()
    flat = np.full((64, 64, 3), 100, np.uint8)
    flat[::2] += 4
    assert np.ptp(equalise(flat, 4.0)[..., 0].astype(int)) > 4
    rough, fine = (np.abs(compress(picture, quality).astype(int) - picture).mean() for quality in (20, 95))
    assert rough > fine > 0


def test_chances_are_kept():
    changed = 0
    picture = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for seed in range(300):
        with random_draws([seed]):
            out = LightDegradation(blur=0.2, median=0, grey=0, clahe=0, jpeg=0)({'img': picture})['img']
        changed += out is not picture
    assert 40 <= changed <= 80


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: HSVJitter(hue=0.6), 'hue'), (lambda: LightDegradation(blur=2), 'chances'),
    (lambda: LightDegradation(kernel=2), 'kernel'), (lambda: LightDegradation(quality=(0, 50)), 'quality')])
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
