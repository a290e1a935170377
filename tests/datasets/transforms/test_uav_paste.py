"""Pasted targets: pixels, boxes, labels, and what must stay as it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_kd.datasets.transforms.uav import CopyPasteTargets
from perception_kd.datasets.transforms.uav_boxes import boxes_of
from perception_kd.datasets.transforms.uav_paste import LEAST_CONTRAST, feather, touches
from perception_kd.engine.random_state import random_draws
from tests.datasets.transforms.drawn_targets import GREY, check_pixels, drawn, ink


def pasting(donor, ground, seed=0, **settings_):
    """The ground with targets of the donor."""
    ground['other'] = lambda with_targets: donor
    with random_draws([seed]):
        return CopyPasteTargets(**{**dict(prob=1.0, own=0.0, most=1, scale=(1, 1)), **settings_})(ground)


def test_pixels_of_the_target_are_there():
    donor, ground = drawn([(40, 30, 46, 34)], colours=[2]), drawn([])
    out = pasting(donor, ground, match=False)
    (x1, y1, x2, y2), = boxes_of(out).astype(int)
    assert (x2 - x1, y2 - y1) == (6, 4)
    assert list(out['gt_bboxes_labels']) == [2]
    assert not out['gt_ignore_flags'][0]
    assert (ink(out['img'], 2)[y1:y2, x1:x2] == 1).all()
    assert ink(out['img'], 2).sum() == 24  # and nowhere else
    assert (donor['img'] == drawn([(40, 30, 46, 34)], colours=[2])['img']).all()


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([0.5, 1.0, 2.5]), st.booleans())
def test_nothing_that_was_there_changes(seed, scale, match):
    """Pixels of every box, ignored ones included, stay; what is added is where its box says."""
    own = [(4, 4, 8, 8), (60, 40, 90, 60), (0, 92, 4, 96)]
    ground = drawn(own, colours=[0, 1, 6], ignored=[False, True, False])
    before = ground['img'].copy()
    out = pasting(drawn([(40, 30, 50, 38)], colours=[2]), ground, seed, scale=(scale, scale), match=match, most=4)
    added = boxes_of(out)[3:]
    np.testing.assert_array_equal(boxes_of(out)[:3], own)
    assert list(out['gt_ignore_flags']) == [False, True, False] + [False] * len(added)
    assert len(out['gt_visible']) == len(out['gt_bboxes_labels']) == len(boxes_of(out))
    for x1, y1, x2, y2 in own:
        assert (out['img'][y1:y2, x1:x2] == before[y1:y2, x1:x2]).all()
    for place, box in enumerate(added):
        assert not touches(np.delete(boxes_of(out), place + 3, axis=0), box)
        np.testing.assert_allclose(box[2:] - box[:2], [10 * scale, 8 * scale], atol=1)
    if len(added) == 1:
        out.update(gt_bboxes=out['gt_bboxes'][3:], gt_bboxes_labels=out['gt_bboxes_labels'][3:],
                   gt_ignore_flags=out['gt_ignore_flags'][3:])
        check_pixels(out, [2], spread=1 + scale)


def test_size_follows_the_size_of_the_pictures():
    donor = drawn([(100, 100, 120, 110)], shape=(240, 320))
    out = pasting(donor, drawn([], shape=(96, 160)))
    np.testing.assert_allclose(boxes_of(out)[0, 2:] - boxes_of(out)[0, :2], [10, 5], atol=0.3)


def test_border_fades_and_brightness_moves_with_the_background():
    donor, ground = drawn([(40, 30, 48, 38)], colours=[7]), drawn([])
    ground['img'] += 60  # a brighter sky
    out = pasting(donor, ground)
    (x1, y1, x2, y2), = boxes_of(out).astype(int)
    assert (out['img'][y1:y2, x1:x2] == 60).all()  # black on 114 is 60 on 174
    out['img'][y1:y2, x1:x2] = GREY + 60
    assert (out['img'] == GREY + 60).all()  # no seam
    ground = drawn([])
    ground['img'] += 60
    out = pasting(donor, ground, match=False)
    row = out['img'][(y1 + y2) // 2, :, 0].astype(int)
    steps = np.diff(row[x1 - 4:x1])
    assert (steps < 0).all()
    assert np.ptp(steps) <= 1  # from the new background to the old, evenly


def test_faint_or_hidden_targets_are_not_pasted():
    faint = drawn([(40, 30, 48, 38)])
    faint['img'][30:38, 40:48] = GREY + LEAST_CONTRAST - 1
    assert not len(boxes_of(pasting(faint, drawn([]))))
    dark = drawn([])
    dark['img'][:] = 2
    assert not len(boxes_of(pasting(drawn([(40, 30, 48, 38)], colours=[7]), dark)))  # black would be black on black


@pytest.mark.parametrize('donor', [
    drawn([]), drawn([(40, 30, 48, 38)], ignored=[True]), drawn([(0, 30, 8, 38)]), drawn([(40, 30, 41, 38)]),
    drawn([(40, 30, 48, 38), (49, 30, 52, 38)])], ids=['none', 'ignored', 'at the border', 'narrow', 'neighbours'])
def test_what_is_not_taken(donor):
    out = pasting(donor, drawn([]), most=4)
    assert not len(boxes_of(out))
    assert (out['img'] == GREY).all()


def test_own_targets_and_chance():
    seen = set()
    for seed in range(20):
        with random_draws([seed]):
            out = CopyPasteTargets(prob=0.5, own=1.0, most=2)(drawn([(40, 30, 48, 38)], colours=[3]))
        assert set(out['gt_bboxes_labels']) == {3}
        seen.add(len(boxes_of(out)))
    assert seen == {1, 2, 3}


def test_full_pictures_stay_as_they_are():
    ground = drawn([(0, 0, 128, 96)], colours=[1])
    before = ground['img'].copy()
    out = pasting(drawn([(40, 30, 48, 38)]), ground)
    assert len(boxes_of(out)) == 1
    assert (out['img'] == before).all()


def test_feather_by_hand():
    weight = feather((5, 6), np.array([2.2, 1.0, 3.5, 3.0]))
    np.testing.assert_allclose(weight[1], [1 / 3, 2 / 3, 1, 1, 2 / 3, 1 / 3], rtol=1e-6)
    np.testing.assert_allclose(weight[:, 2], [1 / 2, 1, 1, 2 / 3, 1 / 3], rtol=1e-6)


@pytest.mark.parametrize('wrong', [dict(prob=1.5), dict(most=0), dict(scale=(2, 1)), dict(min_side=0), dict(tries=0)])
def test_bad_settings(wrong):
    with pytest.raises(ValueError, match='got'):
        CopyPasteTargets(**wrong)
