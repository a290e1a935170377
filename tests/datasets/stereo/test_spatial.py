"""Windows of a pair: what disparity says of the pictures holds afterwards, and against loops."""

from __future__ import annotations

import numpy as np
import pytest

from perception_kd.datasets.transforms.stereo_resize import StereoResize
from perception_kd.datasets.transforms.stereo_spatial import StereoRandomCrop, StereoSpatialDense, StereoSpatialSparse
from perception_kd.datasets.transforms.stereo_windows import Window, apply_window, resample_dense, resample_sparse
from tests.datasets.stereo.pairs import HEIGHT, WIDTH, mismatch, plane_disparity, plane_pair

CROP = (32, 64)
STEPS = [
    StereoSpatialDense(crop_size=CROP, y_jitter=0), StereoSpatialSparse(crop_size=CROP, margin=(4, 8)),
    StereoRandomCrop(crop_size=CROP), StereoResize(scale=0.75), StereoResize(scale=1.5)]


@pytest.mark.parametrize('step', STEPS, ids=lambda step: type(step).__name__)
def test_disparity_still_joins_the_pictures(step) -> None:
    assert mismatch(plane_pair()) < 1
    for seed in range(4):
        np.random.seed(seed)
        sample = step(plane_pair())
        assert sample['valid'].mean() > 0.4
        assert mismatch(sample) < 2.5
        sample['disp'] = sample['disp'] * np.float32(1.1)
        assert mismatch(sample) > 3, 'another disparity would do as well: the test says nothing'


@pytest.mark.parametrize('step', STEPS[:3], ids=lambda step: type(step).__name__)
def test_all_of_a_sample_has_the_size_of_the_crop(step) -> None:
    sample = step(plane_pair())
    for key in ('left', 'right', 'disp', 'disp_right', 'valid', 'valid_right', 'noc', 'noc_right'):
        assert sample[key].shape[:2] == CROP and sample[key].flags.c_contiguous
    assert sample['left'].dtype == np.uint8 and sample['disp'].dtype == np.float32 and sample['noc'].dtype == bool
    small = step(plane_pair(20, 30))
    assert small['left'].shape == (*CROP, 3) and small['disp'].shape == CROP


def test_a_plane_stays_that_plane() -> None:
    """Window of 20 x 30 px at (11, 7), to 30 x 60: px of the result against the formula."""
    sample = plane_pair()
    apply_window(sample, Window(left=11, top=7, width=30, height=20, size=(30, 60)), resample_dense)
    y, x = np.mgrid[:30, :60]
    expected = 2 * plane_disparity((x + 0.5) / 2 - 0.5 + 11, (y + 0.5) / 1.5 - 0.5 + 7)
    np.testing.assert_allclose(sample['disp'][1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-4)
    assert sample['focal'] == 200 and sample['doffs'] == 6 and sample['baseline'] == 0.5


@pytest.mark.parametrize('holes', [False, True])
def test_nothing_lies_between_two_surfaces(holes: bool) -> None:
    disp, valid = np.full((40, 50), 10, np.float32), np.ones((40, 50), bool)
    disp[10:30, 13:37] = 40
    valid[5:15, 20:45] = not holes
    disp[~valid] = 0
    window = Window(left=3, top=2, width=41, height=33, size=(47, 60))
    cut = window.cut(disp), window.cut(valid)
    got, known, _ = resample_dense(*cut, [], window)
    assert set(np.unique(got[known]).tolist()) == {10.0, 40.0}
    assert known.all() != holes
    y, x = (((np.arange(size) + 0.5) * part / size).astype(int) for size, part in ((47, 33), (60, 41)))
    np.testing.assert_array_equal(known, cut[1][np.ix_(y, x)])
    np.testing.assert_array_equal(got, cut[0][np.ix_(y, x)])


def test_sparse_truth_is_carried_as_by_a_loop() -> None:
    rng = np.random.default_rng(0)
    disp = rng.uniform(1, 50, (12, 20)).astype(np.float32)
    valid, noc = rng.random((12, 20)) < 0.4, rng.random((12, 20)) < 0.5
    for size in ((17, 29), (7, 11)):
        window = Window(left=0, top=0, width=20, height=12, size=size)
        expected = np.zeros(size, np.float32), np.zeros(size, bool), np.zeros(size, bool)
        for y in range(12):
            for x in range(20):
                place = int((y + 0.5) * size[0] / 12), int((x + 0.5) * size[1] / 20)
                if valid[y, x] and disp[y, x] > expected[0][place]:
                    expected[0][place], expected[1][place], expected[2][place] = disp[y, x], True, noc[y, x]
        got = resample_sparse(disp, valid, [noc], window)
        np.testing.assert_array_equal(got[0], expected[0])
        np.testing.assert_array_equal(got[1], expected[1])
        np.testing.assert_array_equal(got[2][0], expected[2])


def test_the_right_picture_is_cut_higher_or_lower() -> None:
    shifts = set()
    for seed in range(40):
        np.random.seed(seed)
        sample = plane_pair()
        rows = np.repeat(np.arange(HEIGHT, dtype=np.uint8), WIDTH).reshape(HEIGHT, WIDTH, 1).repeat(3, axis=2)
        sample.update(left=rows, right=rows)
        cut = StereoRandomCrop(crop_size=CROP, y_jitter=2)(sample)
        shifts.add(int(cut['right'][0, 0, 0]) - int(cut['left'][0, 0, 0]))
        x = 96 * (cut['disp'][0, 0] - plane_disparity(0, int(cut['left'][0, 0, 0])))
        assert x >= -1e-3, 'the truth is that of the left rows'
    assert shifts == {-2, -1, 0, 1, 2}


def test_scales_are_those_asked_for() -> None:
    step, whole = StereoSpatialDense(crop_size=(40, 40)), (1000, 1000)
    np.random.seed(0)
    scales = np.array([step._draw(whole).scale for _ in range(400)])
    assert scales.min() >= 2 ** -0.4 - 0.02 and scales.max() <= 2 ** 0.6 + 0.02
    assert scales.min() < 0.8 and scales.max() > 1.4
    alike = np.abs(np.log2(scales[:, 0] / scales[:, 1])) < 0.03
    assert 0.15 < alike.mean() < 0.4, 'a fifth is not stretched'
    assert np.log2(scales).mean() == pytest.approx(0.1, abs=0.03)


def test_impossible_ranges_are_refused() -> None:
    with pytest.raises(ValueError, match='crop_size'):
        StereoSpatialDense(crop_size=(0, 10))
    with pytest.raises(ValueError, match='scale is'):
        StereoSpatialSparse(crop_size=CROP, scale=(1, 0))
    with pytest.raises(ValueError, match='scale must be above 0'):
        StereoResize(scale=0)
