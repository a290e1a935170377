"""What the two pictures of a pair say of a disparity."""

import numpy as np

from perception_kd.pseudo_labels.stereo.consistency import left_right, photometric_error, seen_in_right

RNG = np.random.default_rng(3)


def test_values_of_the_right_picture_are_read_between_its_pixels():
    values = RNG.normal(size=(4, 9)).astype(np.float32)
    disparity = RNG.uniform(-2, 6, (4, 9)).astype(np.float32)
    found = seen_in_right(values, disparity)
    for row in range(4):
        for column in range(9):
            place = column - disparity[row, column]
            expected = np.interp(place, np.arange(9), values[row]) if 0 <= place <= 8 else np.nan
            np.testing.assert_allclose(found[row, column], expected, rtol=1e-5, atol=1e-6)
    both = seen_in_right(np.stack([values, 2 * values], -1), disparity)
    np.testing.assert_allclose(both, np.stack([found, 2 * found], -1), rtol=1e-6)


def test_both_views_agree_on_a_wall_and_not_behind_a_post():
    left, right = np.full((2, 20), 4, np.float32), np.full((2, 20), 4, np.float32)
    left[:, 10:13] = 9  # a post before the wall: in the right picture at 1..3
    right[:, 1:4] = 9
    agrees = left_right(left, right, 1.0)
    expected = np.ones(20, bool)
    expected[:4] = False  # not in the right picture
    expected[5:8] = False  # hidden by the post there
    np.testing.assert_array_equal(agrees, [expected] * 2)
    assert not left_right(left, right + 1, 1.0).any() and left_right(left, right + 0.99, 1.0)[0, 18]


def test_the_photometric_error_is_that_of_godard_pixel_by_pixel():
    right = RNG.integers(0, 256, (8, 16, 3)).astype(np.uint8)
    left = np.roll(right, 3, axis=1)
    exact = photometric_error(left, right, np.full((8, 16), 3, np.float32))
    assert exact[:, 4:].max() < 1e-5 and (exact[:, :3] == 1).all()
    wrong = photometric_error(left, right, np.full((8, 16), 5, np.float32))
    y, x = 4, 10
    ours, theirs = (part[y - 1:y + 2].astype(float) / 255 for part in (left[:, x - 1:x + 2], right[:, x - 6:x - 3]))
    errors = []
    for a, b in zip(ours.reshape(9, 3).T, theirs.reshape(9, 3).T):
        means, variances, both = (a.mean(), b.mean()), (a.var(), b.var()), np.mean(a * b) - a.mean() * b.mean()
        ssim = ((2 * means[0] * means[1] + 1e-4) * (2 * both + 9e-4)
                / ((means[0] ** 2 + means[1] ** 2 + 1e-4) * (sum(variances) + 9e-4)))
        errors.append(0.85 * (1 - ssim) / 2 + 0.15 * abs(a[4] - b[4]))
    np.testing.assert_allclose(wrong[y, x], np.mean(errors), rtol=1e-3)
