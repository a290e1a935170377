"""No box leaves its picture, and none that can be is lost."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import box as rectangle

from perception_kd.datasets.uav.boxes import CLIPPED, NO_AREA, NO_NUMBER, OUTSIDE, clean_box, scaled
from perception_kd.datasets.uav.check import SIZE_BINS, bin_of

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
ANY = st.floats(allow_nan=True, allow_infinity=True)
NEAR = st.floats(-6000, 6000)


@given(st.tuples(ANY, ANY, ANY, ANY), SIZES)
def test_whatever_comes_a_box_is_inside_or_has_a_fault(xywh, size):
    found, fault = clean_box(xywh, size)
    if found is None:
        assert fault in (NO_NUMBER, NO_AREA, OUTSIDE)
        return
    left, top, width, height = found
    assert fault in ('', CLIPPED) and all(math.isfinite(value) for value in found)
    assert left >= 0 and top >= 0 and width > 0 and height > 0
    assert left + width <= size[0] + 1e-9 and top + height <= size[1] + 1e-9
    assert clean_box(found, size) == (found, '')  # a second time changes nothing


@given(st.tuples(NEAR, NEAR, st.floats(0.01, 9000), st.floats(0.01, 9000)), SIZES)
def test_what_is_left_is_the_common_part_with_the_picture(xywh, size):
    left, top, width, height = xywh
    common = rectangle(left, top, left + width, top + height).intersection(rectangle(0, 0, *size))
    found, fault = clean_box(xywh, size)
    sides = (0, 0) if common.is_empty else (common.bounds[2] - common.bounds[0], common.bounds[3] - common.bounds[1])
    if min(sides) > 2e-3:
        corners = found[0], found[1], found[0] + found[2], found[1] + found[3]
        assert corners == pytest.approx(common.bounds, abs=1e-3)
        moved = max(abs(a - b) for a, b in zip(common.bounds, (left, top, left + width, top + height)))
        assert moved < 0.498 or fault == CLIPPED or moved < 0.502
    elif min(sides) < 4e-4:
        assert found is None


@pytest.mark.parametrize(('xywh', 'expected'), [
    ((1, 2, 3, 4), ((1, 2, 3, 4), '')), ((-1, 2, 3, 4), ((0, 2, 2, 4), CLIPPED)),
    ((-0.3, 2, 3, 4), ((0, 2, 2.7, 4), '')), ((0, 0, 1e300, 1e300), ((0, 0, 64, 48), CLIPPED)),
    ((0, 0, 1.7e308, 1.7e308), ((0, 0, 64, 48), CLIPPED)), ((1.7e308, 0, 1.7e308, 1), (None, NO_NUMBER)),
    ((math.nan, 0, 1, 1), (None, NO_NUMBER)), ((0, 0, math.inf, 1), (None, NO_NUMBER)),
    ((5, 5, -1, 4), (None, NO_AREA)), ((5, 5, 0, 4), (None, NO_AREA)), ((64, 0, 5, 5), (None, OUTSIDE)),
    ((-5, 0, 5, 5), (None, OUTSIDE)), ((10, 10, 0.2, 0.2), ((10, 10, 0.2, 0.2), '')),
    ((10, 10, 1e-5, 3), (None, NO_AREA))])
def test_by_hand(xywh, expected):
    found, fault = clean_box(xywh, (64, 48))
    assert (found, fault) == (expected[0] and pytest.approx(expected[0]), expected[1])


def test_shares_become_px():
    assert scaled((0.25, 0.5, 0.1, 1.0), (64, 48)) == pytest.approx((16, 24, 6.4, 48))


@pytest.mark.parametrize(('side', 'name'), [(0, 0), (1.99, 0), (2, 1), (7.99, 1), (8, 2), (16, 3), (32, 4), (64, 5)])
def test_bins_are_those_of_ai_tod(side, name):
    assert bin_of(side) == SIZE_BINS[name][0]
