"""Colours of a pair, against the usual formulas in floating point."""

from __future__ import annotations

import colorsys

import numpy as np
import pytest

from perception_kd.datasets.transforms.stereo_color import StereoColorJitter, StereoErase, jitter

LUMA = np.array([0.299, 0.587, 0.114])


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (12, 18, 3)).astype(np.uint8)


def expected(image: np.ndarray, name: str, amount: float, middle: float) -> np.ndarray:
    values = image / 255.0
    if name == 'brightness':
        values = values * amount
    elif name == 'contrast':
        values = amount * values + (1 - amount) * middle / 255
    elif name == 'saturation':
        values = amount * values + (1 - amount) * (values @ LUMA)[..., None]
    elif name == 'gamma':
        values = values ** amount
    else:
        hsv = [colorsys.rgb_to_hsv(*pixel) for pixel in values.reshape(-1, 3)]
        values = np.array([colorsys.hsv_to_rgb((h + amount) % 1, s, v) for h, s, v in hsv]).reshape(image.shape)
    return np.clip(255 * values, 0, 255)


@pytest.mark.parametrize(('name', 'amount', 'within'), [
    ('brightness', 1.3, 0.51), ('brightness', 0.6, 0.51), ('contrast', 1.4, 0.51), ('contrast', 0.6, 0.51),
    ('saturation', 0.6, 1), ('saturation', 1.4, 1), ('gamma', 1.2, 0.51), ('hue', 0.125, 8), ('hue', -0.15625, 8)])
def test_each_step(name: str, amount: float, within: float) -> None:
    image = picture()
    before = image.copy()
    middle = float((image @ LUMA).mean())
    got = jitter(image, [(name, amount)], middle)
    np.testing.assert_allclose(got, expected(image, name, amount, middle), atol=within)
    assert got.dtype == np.uint8 and np.array_equal(image, before)
    assert np.abs(got.astype(int) - image).mean() > 5


def test_contrast_after_brightness_keeps_the_brighter_mean() -> None:
    image = np.full((4, 4, 3), 100, np.uint8)
    assert (jitter(image, [('brightness', 1.5), ('contrast', 0.5)], 100.0) == 150).all()


def test_both_pictures_alike_unless_asymmetric() -> None:
    for seed in range(5):
        np.random.seed(seed)
        alike = StereoColorJitter(asymmetric_prob=0)({'left': picture(), 'right': picture()})
        np.testing.assert_array_equal(alike['left'], alike['right'])
        apart = StereoColorJitter(asymmetric_prob=1)({'left': picture(), 'right': picture()})
        assert np.abs(apart['left'].astype(int) - apart['right']).mean() > 2


def test_nothing_drawn_changes_nothing() -> None:
    plain = StereoColorJitter(brightness=0, contrast=0, saturation=(1, 1), hue=0, asymmetric_prob=0)
    sample = plain({'left': picture(1), 'right': picture(2)})
    assert np.abs(sample['left'].astype(int) - picture(1)).max() <= 6, 'by the 256 steps of the colour circle'
    assert np.abs(sample['right'].astype(int) - picture(2)).mean() < 1


def test_boxes_of_the_mean_colour() -> None:
    left, right = picture(1), picture(2)
    colour = np.round(right.reshape(-1, 3).mean(0)).astype(np.uint8)
    shares = []
    for seed in range(30):
        np.random.seed(seed)
        sample = StereoErase(prob=1, size=(4, 6))({'left': left, 'right': right})
        changed = (sample['right'] != right).any(axis=2)
        assert (sample['right'][changed] == colour).all()
        assert sample['left'] is left
        shares.append(int(changed.sum()))
    np.testing.assert_array_equal(right, picture(2))
    assert min(shares) >= 1 and max(shares) <= 2 * 36 and max(shares) > 36
    np.random.seed(0)
    kept = sum(StereoErase(size=(4, 6))({'left': left, 'right': right})['right'] is right for _ in range(200))
    assert 70 < kept < 130


def test_impossible_ranges_are_refused() -> None:
    for bad in (dict(brightness=2), dict(hue=1), dict(saturation=(1.4, 0.6)), dict(gamma=(0, 1))):
        with pytest.raises(ValueError, match='got'):
            StereoColorJitter(**bad)
    with pytest.raises(ValueError, match='size is'):
        StereoErase(size=(10, 5))
