"""Labels in files, read back by the data set that trains on them."""

import json

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.dataset import StereoDataset
from perception_kd.datasets.stereo.decoders import apply_mask, decode_disparity
from perception_kd.pseudo_labels.stereo.label_files import encode_fsd, write_labels
from perception_kd.pseudo_labels.stereo.result import draw_curves, keep_rates
from tests.inference.stereo.conftest import save, textured

PIPELINE = [dict(type='LoadStereoPair'), dict(type='LoadDisparity')]


def label():
    disparity = np.random.default_rng(0).uniform(0.01, 250, (20, 30)).astype(np.float32)
    sky, trusted = np.zeros((2, 20, 30), bool)
    sky[:5], trusted[5:, 4:] = True, True
    disparity[10, 10], disparity[11, 11] = np.nan, 400
    return disparity, trusted, sky


@pytest.mark.parametrize(('encoding', 'step', 'beyond'), [('kitti', 1 / 512, False), ('fsd', 1 / 2000, True)])
def test_a_label_comes_back_where_it_is_trusted_and_as_0_in_the_sky(tmp_path, encoding, step, beyond):
    disparity, trusted, sky = label()
    files = write_labels(tmp_path, 'scene/a', disparity, trusted, sky, encoding)
    assert files == ('disparity/scene/a.png', 'mask/scene/a.png')
    disp, valid = decode_disparity(tmp_path / files[0], encoding, {})
    assert not valid[:5].any() and valid[5:, :].sum() == 15 * 30 - 1 - (not beyond)  # untrusted pixels are there, too
    disp, valid = apply_mask((disp, valid), tmp_path / files[1])
    expected = trusted.copy()
    expected[10, 10], expected[11, 11] = False, beyond
    np.testing.assert_array_equal(valid, expected | sky)
    np.testing.assert_allclose(disp[expected], disparity[expected], atol=step + 1e-5)
    assert not disp[~expected].any()


def test_the_three_channels_hold_what_the_public_set_says():
    red, green, blue = np.moveaxis(encode_fsd(np.float32([[65.025, 0.255, 0.0001], [123.456, np.nan, 16000]])), 2, 0)
    np.testing.assert_array_equal(red, [[1, 0, 0], [1, 0, 246]])
    assert (red * 255.0 ** 2 + green * 255.0 + blue)[1].tolist() == [123456, 0, 16000000] and blue[0, 2] == 1


def test_the_list_of_kept_pairs_is_a_data_set(tmp_path):
    disparity, trusted, sky = label()
    disp, mask = write_labels(tmp_path, 'a', disparity, trusted, sky, 'kitti')
    left, right = (save(tmp_path / f'{side}.png', textured(20, 30)) for side in ('left', 'right'))
    entry = dict(left=str(left), right=str(right), disp=disp, mask=mask, decoder='kitti', scene='a')
    (tmp_path / 'pairs.jsonl').write_text(json.dumps(entry) + '\n')

    def sample(**switches):
        steps = [{**step, '_scope_': 'perception_kd'} for step in PIPELINE]
        steps[1].update(switches)
        return StereoDataset(data_root=str(tmp_path), ann_file='pairs.jsonl', pipeline=steps)[0]

    masked, whole = sample(), sample(mask=False)
    assert masked['valid'][:5].all() and not masked['disp'][:5].any() and not masked['valid'][5:, :4].any()
    assert not whole['valid'][:5].any() and whole['valid'][5:, :4].all()
    cv2.imwrite(str(tmp_path / mask), np.zeros((20, 31), np.uint8))
    with pytest.raises(ValueError, match=r'\(31, 20\) pixels, the disparity has \(30, 20\)'):
        sample()


def test_the_curve_counts_pairs_above_each_share():
    rows = [dict(share=0.7, shares={'15': 0.3, '30': 0.7}), dict(share=0.6, shares={'15': 0.1, '30': 0.6}),
            dict(reason='swapped: ...'), dict(share=0.0, shares={})]
    curves = keep_rates(rows)
    assert set(curves) == {'15 degrees', '30 degrees'} and len(curves['30 degrees']) == 20
    at = dict(zip([round(0.05 * step, 2) for step in range(20)], curves['30 degrees']))
    assert (at[0.0], at[0.55], at[0.6], at[0.7]) == (0.5, 0.5, 0.25, 0.0)
    assert keep_rates([dict(share=0.7, shares={})])['all tests'][:2] == [1, 1] and keep_rates(rows[2:3]) == {}
    picture = draw_curves(curves, 0.6)
    assert picture.ndim == 3 and (picture == (0, 114, 178)).all(-1).any() and (picture == (230, 159, 0)).all(-1).any()
