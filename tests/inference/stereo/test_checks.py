"""Warnings on what is wrong with a pair, with figures that are right."""

import cv2
import numpy as np
import pytest

from perception_kd.datasets.pictures import read_image
from perception_kd.inference.stereo.checks import measure, warnings_of
from tests.inference.stereo.conftest import shifted_pair

REAL = {'eth3d_two_view/playground': ('im0.png', 'im1.png', 20), 'sceneflow_sttr/RGB_cleanpass': (
    'left/A-0032-0006.png', 'right/A-0032-0006.png', 131)}


def kinds(left, right, searched=96.0) -> list[str]:
    return [kind for kind, _ in warnings_of(measure(left, right), searched)]


@pytest.mark.parametrize('disparity', [6, 25])
def test_disparity_is_measured(disparity):
    measured = measure(*shifted_pair(disparity))
    assert measured.matches > 100 and measured.reversed < 0.02 and measured.rows < 0.1 and measured.part_rows < 0.2
    assert measured.disparity == pytest.approx(disparity, abs=0.1) and measured.high == pytest.approx(disparity, abs=1)
    assert kinds(*shifted_pair(disparity)) == []


def test_swapped_pictures():
    ((kind, line),) = warnings_of(measure(*shifted_pair(6)[::-1]), 96)
    assert kind == 'swapped' and 'median x_left - x_right -6.0 px' in line and '100 % of' in line


@pytest.mark.parametrize('rows', [2, 7])
def test_rows_that_differ(rows):
    left, right = shifted_pair(12, rows)
    ((kind, line),) = warnings_of(measure(left, right), 96)
    assert kind == 'unrectified' and f'differ in height by {rows}.0 px in the median' in line


def test_a_turned_camera_is_seen_where_it_differs_most():
    left, right = shifted_pair(12)
    turn = cv2.getRotationMatrix2D((100, 60), 2, 1)
    turned = cv2.warpAffine(right, turn, right.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)
    measured = measure(left, turned)
    assert kinds(left, turned) == ['unrectified']
    assert abs(measured.part_rows) == pytest.approx(67 * np.sin(np.radians(2)), abs=0.5)  # a third of the width


def test_equal_pictures():
    left, _ = shifted_pair(6)
    ((kind, line),) = warnings_of(measure(left, left), 96)
    assert kind == 'equal' and 'differ by 0.00 of 255' in line


def test_bare_pictures_cannot_be_checked():
    bare = np.full((80, 120, 3), 90, np.uint8)
    measured = measure(bare, bare + 5)
    ((kind, line),) = warnings_of(measured, 96)
    assert measured.to_json()['rows'] is None and measured.to_json()['difference'] == 5
    assert kind == 'unchecked' and 'only 0 keypoints match' in line


def test_disparities_beyond_those_looked_for():
    measured = measure(*shifted_pair(40))
    ((kind, line),) = warnings_of(measured, 32)
    assert kind == 'range' and 'up to 40 px, 32 px are looked for: give --max-disp 64' in line
    assert not list(warnings_of(measured, 64))


def test_large_pictures_are_measured_in_their_own_pixels():
    left, right = (cv2.resize(picture, (1400, 840), interpolation=cv2.INTER_CUBIC) for picture in shifted_pair(6, 2))
    measured = measure(left, right)
    assert measured.disparity == pytest.approx(42, abs=1)
    assert measured.rows == pytest.approx(14, abs=0.5)


@pytest.mark.real_data
@pytest.mark.parametrize('scene', REAL)
def test_real_pairs(real_data, scene):
    *names, largest = REAL[scene]
    left, right = (read_image(real_data / 'stereo' / scene / name) for name in names)
    measured = measure(left, right)
    assert not list(warnings_of(measured, largest)) and largest / 3 < measured.high < largest
    swapped = measure(right, left)
    assert swapped.reversed > 0.7 and [kind for kind, _ in warnings_of(swapped, largest)] == ['swapped']
