"""Boxes after letterbox, affine maps, mosaic and tiles against the pixels of drawn targets."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from perception_kd.datasets.transforms.uav import LetterBox, Mosaic, SliceCrop, TinySafeAffine
from perception_kd.datasets.transforms.uav_affine import move_boxes, warp
from perception_kd.datasets.transforms.uav_boxes import boxes_of, ignored_of
from perception_kd.engine.random_state import random_draws
from tests.datasets.transforms.drawn_targets import GREY, account, check_pixels, drawn, ink

SEEDS = st.integers(0, 10_000)
SIDE = st.integers(1, 4)


@st.composite
def tiny_samples(draw, least=0, colours=8):
    """Up to some targets of 1 to 4 px, anywhere and at the borders, in cells that do not touch."""
    cells = draw(st.lists(st.integers(0, 7), min_size=least, max_size=colours, unique=True))
    boxes = []
    for cell in cells:
        width, height = draw(SIDE), draw(SIDE)
        left, top = 32 * (cell % 4), 48 * (cell // 4)
        x, y = draw(st.sampled_from([0, 12, 27])), draw(st.sampled_from([0, 20, 43]))
        x, y = (x, y) if cell % 4 or x else (0, y)
        x = 32 - width if cell % 4 == 3 and x == 27 else x  # touches the right border
        boxes.append((left + x, top + y, left + x + width, top + y + height))
    ignored = draw(st.one_of(st.just([False] * len(boxes)), st.just([True] * len(boxes)),
                             st.lists(st.booleans(), min_size=len(boxes), max_size=len(boxes))))
    return drawn(boxes, ignored=ignored), list(range(len(boxes)))


@pytest.mark.parametrize(('shape', 'size', 'inner'), [
    ((512, 640), 320, (256, 320)), ((50, 30), 320, (320, 192)), ((1080, 1920), 640, (360, 640)), ((7, 9), 9, (7, 9))])
def test_letterbox_keeps_the_ratio_and_pads_right_and_below(shape, size, inner):
    sample = drawn([(1, 2, 5, 6)], shape=shape)
    out = LetterBox(size=size)(sample)
    assert out['img'].shape == (size, size, 3)
    assert out['img_shape'] == (size, size)
    assert out['ori_shape'] == shape
    assert (out['img'][inner[0]:] == GREY).all()
    assert (out['img'][:, inner[1]:] == GREY).all()
    assert out['scale_factor'] == (inner[1] / shape[1], inner[0] / shape[0])
    back = boxes_of(out) / np.tile(out['scale_factor'], 2)
    np.testing.assert_allclose(back, [[1, 2, 5, 6]], atol=1e-4)
    assert bool(ignored_of(out)[0]) == (4 * inner[0] / shape[0] < 1)


@settings(max_examples=25, deadline=None)
@given(tiny_samples(), st.sampled_from([64, 128, 160, 320]))
def test_letterbox_finds_pixels_again(case, size):
    sample, colours = case
    out = LetterBox(size=size)(sample)
    check_pixels(out, colours, spread=1.0 + size / 128)
    assert account(out) == len(colours)


@settings(max_examples=60, deadline=None)
@given(tiny_samples(), SEEDS, st.booleans())
def test_affine_finds_pixels_again_and_loses_no_tiny_target(case, seed, turned):
    sample, colours = case
    before = ignored_of(sample).copy()
    affine = TinySafeAffine(size=128, scale=(0.5, 1.5), translate=0.1, degrees=10 * turned, shear=5 * turned)
    with random_draws([seed]):
        out = affine(LetterBox(size=128)(sample))
    assert account(out) == len(colours)
    sides = boxes_of(out)[:, 2:] - boxes_of(out)[:, :2]
    kept = ~ignored_of(out)
    assert (sides[kept] >= 1 - 1e-3).all()
    assert all(ignored_of(out)[list(out['gt_bboxes_labels']).index(label)] for label in np.flatnonzero(before)
               if label in out['gt_bboxes_labels'])
    if not turned:
        check_pixels(out, colours, spread=2.0)


def test_scale_gives_way_to_a_small_target():
    """A target of 1 px may not shrink at all; one of 2 px to half; ignored ones do not count."""
    least = {}
    for side, ignored in ((1, False), (2, False), (8, False), (1, True)):
        factors = []
        for seed in range(200):
            sample = drawn([(60, 60, 60 + side, 60 + side)], shape=(128, 128), ignored=[ignored])
            with random_draws([seed]):
                out = TinySafeAffine(size=128, scale=(0.25, 1.5), translate=0)(sample)
            factors.append((boxes_of(out)[0, 2] - boxes_of(out)[0, 0]) / side)
        least[side, ignored] = min(factors)
    assert least[1, False] == pytest.approx(1, abs=0.02)
    assert least[2, False] == pytest.approx(0.5, abs=0.02)
    assert least[8, False] == pytest.approx(0.25, abs=0.02)
    assert least[1, True] == pytest.approx(0.25, abs=0.02)


def test_maps_that_lose_a_target_are_drawn_again():
    lost = {1: 0, 20: 0}
    for attempts in lost:
        for seed in range(60):
            sample = drawn([(2, 2, 5, 5)], shape=(128, 128))
            with random_draws([seed]):
                out = TinySafeAffine(size=128, scale=(0.75, 1.25), translate=0.2, attempts=attempts)(sample)
            lost[attempts] += int(ignored_of(out).sum()) + out['left_picture']
    assert lost[1] > 20
    assert lost[20] == 0


@pytest.mark.parametrize(('factor', 'off'), [(0.5, 0.26), (1.0, 0.02), (2.0, 0.02)])
def test_pixels_and_boxes_move_by_the_same_map(factor, off):
    """The middle of the ink is the middle of the box, but for what is lost between the pixels of a smaller picture."""
    sample = drawn([(10, 20, 30, 32)], shape=(64, 64))
    matrix = np.array([[factor, 0, 3.25], [0, factor, -4.5]])
    amount, box = ink(warp(sample['img'], matrix, 64), 0), move_boxes(boxes_of(sample), matrix)[0]
    rows, columns = np.indices(amount.shape) + 0.5
    middle = [(amount * columns).sum() / amount.sum(), (amount * rows).sum() / amount.sum()]
    np.testing.assert_allclose(middle, (box[:2] + box[2:]) / 2, atol=off)


def test_moved_boxes_hold_the_corners():
    matrix = np.array([[0.0, -2, 10], [1, 0, 3]])  # a quarter turn, twice as wide
    np.testing.assert_allclose(move_boxes(np.array([[1.0, 2, 4, 6]]), matrix), [[-2, 4, 6, 7]])


@settings(max_examples=60, deadline=None)
@given(st.lists(tiny_samples(least=1, colours=2), min_size=4, max_size=4), SEEDS)
def test_mosaic_and_affine_find_pixels_again(cases, seed):
    samples = []
    for place, (sample, own) in enumerate(cases):
        boxes = [tuple(map(int, box)) for box in boxes_of(sample)]
        samples.append(drawn(boxes, colours=[2 * place + colour for colour in own], ignored=ignored_of(sample)))
    total = sum(len(own) for _, own in cases)
    rest = iter(samples[1:])
    samples[0]['other'] = lambda: next(rest)
    with random_draws([seed]):
        canvas = Mosaic(size=128)(samples[0])
        assert canvas['img'].shape == (256, 256, 3)
        assert account(canvas) == total
        check_pixels(canvas, range(8))
        out = TinySafeAffine(size=128, scale=(0.5, 1.5), attempts=1)(canvas)
    assert account(out) == total
    assert len({len(out[key]) for key in ('gt_bboxes', 'gt_bboxes_labels', 'gt_ignore_flags', 'gt_visible')}) == 1
    check_pixels(out, range(8), spread=2.0)


def test_mosaic_ignores_slivers_at_its_cuts():
    """A target of 20 px of which the canvas holds 4 is no target; one without any pixel left is counted."""
    samples = [drawn([(0, 0, 20, 20)], shape=(128, 128), colours=[place]) for place in range(4)]
    rest = iter(samples[1:])
    samples[0]['other'] = lambda: next(rest)
    with random_draws([0]):
        out = Mosaic(size=128, centre=(0.43751, 0.43751))(samples[0])  # at 112: 16 px of the first are cut off
    flags = dict(zip(out['gt_bboxes_labels'], out['gt_ignore_flags']))
    assert flags == {0: True, 1: True, 2: True, 3: False}
    assert out['left_picture'] == 0
    np.testing.assert_allclose(out['gt_visible'], [0.04, 0.2, 0.2, 1], atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(tiny_samples(), SEEDS, st.sampled_from([0.0, 1.0]))
def test_tiles_hold_a_target_or_nothing(case, seed, background):
    sample, colours = case
    targets = int((~ignored_of(sample)).sum())
    with random_draws([seed]):
        out = SliceCrop(size=40, background=background, attempts=50)(sample)
    assert out['img'].shape == (40, 40, 3)
    assert account(out) == len(colours)
    check_pixels(out, colours, spread=0.0)
    if background and len(colours) <= 3:
        assert not len(out['gt_bboxes'])
    if not background and targets:
        assert (~out['gt_ignore_flags'] & (out['gt_visible'] == 1)).any()


def test_tiles_of_small_pictures_and_large_targets():
    out = SliceCrop(size=640)(drawn([(3, 4, 9, 9)]))
    assert out['img'].shape == (96, 128, 3)
    np.testing.assert_allclose(boxes_of(out), [[3, 4, 9, 9]])
    with random_draws([3]):
        out = SliceCrop(size=40, background=0.0)(drawn([(10, 10, 90, 80)]))
    np.testing.assert_allclose(boxes_of(out), [[0, 0, 40, 40]])
    assert ignored_of(out)[0]  # 1600 of 5600 px


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: LetterBox(size=0), 'size'), (lambda: LetterBox(size=(320, 320)), 'size'),
    (lambda: Mosaic(size=64, centre=(0.8, 0.2)), 'centre'), (lambda: SliceCrop(background=2.0), 'background'),
    (lambda: TinySafeAffine(size=64, scale=(0, 1)), 'scale'), (lambda: TinySafeAffine(size=64, shear=90), 'shear'),
    (lambda: TinySafeAffine(size=64, attempts=0), 'attempts'), (lambda: SliceCrop(attempts=0), 'attempts')])
def test_bad_settings(make, message):
    with pytest.raises(ValueError, match=message):
        make()
