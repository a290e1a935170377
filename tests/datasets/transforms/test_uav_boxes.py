"""The rule of what becomes of boxes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely.geometry import box as rectangle

from perception_kd.datasets.transforms.uav_boxes import BoxRule, cut, settle, smallest_target
from tests.datasets.transforms.drawn_targets import drawn

WINDOW = (0, 0, 100, 80)
COORDINATE = st.floats(-150, 250)
BOXES = st.lists(st.tuples(COORDINATE, COORDINATE, st.floats(0.1, 60), st.floats(0.1, 60)), max_size=6)


def sample_of(boxes, ignored=()):
    """Boxes without pixels, which the rule does not look at."""
    sample = drawn([(0, 0, 1, 1)] * len(boxes), ignored=ignored, colours=[0] * len(boxes))
    sample['gt_bboxes_labels'] = np.arange(len(boxes))
    return sample


def test_rule_by_hand():
    boxes = np.array([
        [10, 10, 14, 14],     # whole: stays
        [-3, 10, 1, 14],      # a quarter left: ignored
        [-2, 10, 2, 14],      # half left: stays, cut
        [-9, 10, 0, 14],      # touches the border from outside: left
        [50, 50, 50.9, 60],   # narrower than 1 px: ignored
        [99.5, 0, 101, 2],    # a third left, and narrow: ignored
        [20, 20, 21, 21],     # 1 px exactly: stays
    ], np.float64)
    sample = sample_of(boxes)
    settle(sample, boxes, WINDOW, BoxRule())
    assert list(sample['gt_bboxes_labels']) == [0, 1, 2, 4, 5, 6]
    assert list(sample['gt_ignore_flags']) == [False, True, False, True, True, False]
    assert sample['left_picture'] == 1
    np.testing.assert_allclose(sample['gt_bboxes'].tensor[2], [0, 10, 2, 14])
    np.testing.assert_allclose(sample['gt_visible'], [1, 0.25, 0.5, 1, 1 / 3, 1], rtol=1e-6)


def test_cuts_add_up():
    """60 % of 60 % are less than half of the target."""
    boxes = np.array([[-4.0, 0, 6, 10]])
    sample = sample_of(boxes)
    settle(sample, boxes, WINDOW, BoxRule())
    assert not sample['gt_ignore_flags'][0]
    settle(sample, np.array([[0.0, -4, 6, 6]]), WINDOW, BoxRule())
    assert sample['gt_ignore_flags'][0]
    assert sample['gt_visible'][0] == pytest.approx(0.36)


@settings(max_examples=80, deadline=None)
@given(BOXES, st.data())
def test_shares_equal_shapely_and_all_are_accounted_for(rows, data):
    boxes = np.array([(x, y, x + w, y + h) for x, y, w, h in rows], np.float64).reshape(-1, 4)
    ignored = data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    shares = cut(boxes, WINDOW)[1]
    picture = rectangle(*WINDOW)
    for box, share in zip(boxes, shares):
        assert share == pytest.approx(rectangle(*box).intersection(picture).area / rectangle(*box).area, abs=1e-6)
    sample = sample_of(boxes, ignored)
    settle(sample, boxes, WINDOW, BoxRule())
    assert len(sample['gt_bboxes']) + sample['left_picture'] == len(rows)
    kept = dict(zip(sample['gt_bboxes_labels'], sample['gt_ignore_flags']))
    for label, share in enumerate(shares):
        assert (label in kept) == (share > 0)  # only what has no pixel left goes
        assert not (ignored[label] and share > 0) or kept[label]  # ignored ones stay ignored


def test_no_boxes():
    sample = sample_of(np.zeros((0, 4)))
    settle(sample, np.zeros((0, 4)), WINDOW, BoxRule())
    assert len(sample['gt_bboxes']) == len(sample['gt_ignore_flags']) == sample['left_picture'] == 0
    assert smallest_target(sample, 1) == np.inf


def test_smallest_target_leaves_out_what_is_ignored_or_too_small():
    sample = drawn([(0, 0, 9, 5), (10, 0, 13, 9), (20, 0, 22, 2)], ignored=[False, False, True])
    assert smallest_target(sample, 1) == 3
    assert smallest_target(sample, 4) == 5


@pytest.mark.parametrize('wrong', [dict(min_side=-1), dict(min_visible=1.1)])
def test_bad_rule(wrong):
    with pytest.raises(ValueError, match='min_side'):
        BoxRule(**wrong)
