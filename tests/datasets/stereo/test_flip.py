"""Mirrored pairs are pairs."""

from __future__ import annotations

import numpy as np

from perception_kd.datasets.transforms.stereo_flip import StereoFlip
from tests.datasets.stereo.pairs import mismatch, plane_pair


def test_the_mirrored_right_picture_becomes_the_left() -> None:
    pair = plane_pair()
    flipped = StereoFlip(horizontal_prob=1)(dict(pair))
    np.testing.assert_array_equal(flipped['left'], pair['right'][:, ::-1])
    np.testing.assert_array_equal(flipped['disp'], pair['disp_right'][:, ::-1])
    np.testing.assert_array_equal(flipped['noc'], pair['noc_right'][:, ::-1])
    assert mismatch(flipped) < 1
    back = StereoFlip(horizontal_prob=1)(flipped)
    for key in ('left', 'right', 'disp', 'disp_right', 'noc', 'noc_right', 'valid'):
        np.testing.assert_array_equal(back[key], pair[key])


def test_masks_that_one_side_lacks_go_with_it() -> None:
    pair = plane_pair()
    del pair['noc_right']
    flipped = StereoFlip(horizontal_prob=1)(pair)
    assert 'noc' not in flipped and 'noc_right' in flipped


def test_upside_down() -> None:
    pair = plane_pair()
    flipped = StereoFlip(vertical_prob=1)(dict(pair))
    np.testing.assert_array_equal(flipped['disp'], pair['disp'][::-1])
    assert mismatch(flipped) < 1


def test_without_truth_of_the_right_picture_nothing_is_mirrored_sideways() -> None:
    pair = plane_pair()
    del pair['disp_right']
    left = pair['left']
    assert StereoFlip(horizontal_prob=1)(pair)['left'] is left
