"""Stored disparity against the formulas of the sets' own pages, written out here pixel by pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.decoders import DISP_DECODERS, decode_disparity, decode_noc
from perception_kd.datasets.stereo.pfm import write_pfm


def png(path: Path, values: Any, dtype: type = np.uint16) -> Path:
    """Write integers; three channels are in the order RGB."""
    values = np.asarray(values, dtype)
    assert cv2.imwrite(str(path), values[..., ::-1] if values.ndim == 3 else values)
    return path


@pytest.mark.parametrize(('decoder', 'stored', 'pair', 'expected'), [
    ('kitti', [[0, 256, 25_728]], {}, [[0, 1, 100.5]]),
    ('crestereo', [[0, 32, 3_200]], {}, [[0, 1, 100]]),
    ('instereo2k', [[0, 50, 12_345]], {}, [[0, 0.5, 123.45]]),
    ('scaled', [[0, 8, 255]], {}, [[0, 8, 255]]),
    ('scaled', [[0, 9, 255]], {'disp_scale': 3}, [[0, 3, 85]]),
    ('depth_cm', [[0, 1_000, 65_535]], {'focal': 725.0087, 'baseline': 0.532725}, [[0, 38.6230259, 0]]),
    ('depth_tenth_mm', [[0, 10_000, 65_535]], {'focal': 768.2, 'baseline': 0.06}, [[0, 46.092, 0]]),
])
def test_integers(tmp_path: Path, decoder: str, stored: Any, pair: dict, expected: Any) -> None:
    disp, valid = decode_disparity(png(tmp_path / 'a.png', stored), decoder, pair)
    np.testing.assert_allclose(disp, np.float32(expected), rtol=1e-6)
    np.testing.assert_array_equal(valid, np.array(expected) > 0)
    assert disp.dtype == np.float32 and valid.dtype == bool


def test_eight_bits_and_grey_stored_as_colour(tmp_path: Path) -> None:
    for values in ([[0, 8, 255]], [[[0] * 3, [8] * 3, [255] * 3]]):
        disp, _ = decode_disparity(png(tmp_path / 'a.png', values, np.uint8), 'scaled', {})
        np.testing.assert_array_equal(disp, [[0, 8, 255]])


def test_colours_of_sintel_and_foundationstereo(tmp_path: Path) -> None:
    (tmp_path / 'disparities').mkdir()
    (tmp_path / 'occlusions').mkdir()
    stored = [[[0, 0, 0], [10, 96, 128], [25, 0, 64]]]
    path = png(tmp_path / 'disparities' / 'a.png', stored, np.uint8)
    png(tmp_path / 'occlusions' / 'a.png', [[0, 0, 255]], np.uint8)
    disp, valid = decode_disparity(path, 'sintel', {})
    np.testing.assert_array_equal(disp, np.float32([[0, 40 + 1.5 + 128 / 16384, 0]]))
    np.testing.assert_array_equal(valid, [[False, True, False]])
    disp, valid = decode_disparity(path, 'fsd', {})
    np.testing.assert_allclose(disp, [[0, (10 * 255**2 + 96 * 255 + 128) / 1000, (25 * 255**2 + 64) / 1000]], rtol=1e-6)
    np.testing.assert_array_equal(valid, [[False, True, True]])
    png(tmp_path / 'occlusions' / 'a.png', [[0, 0]], np.uint8)
    with pytest.raises(ValueError, match=r'occlusions.a\.png: \(2, 1\) pixels'):
        decode_disparity(path, 'sintel', {})


def test_float_maps(tmp_path: Path) -> None:
    path = tmp_path / 'a.pfm'
    write_pfm(path, np.float32([[np.inf, -3, 0, np.nan], [2.5, 600, 1500, 7]]))
    expected = {'pfm': [[0, 0, 0, 0], [2.5, 600, 1500, 7]], 'sceneflow': [[0, 3, 0, 0], [2.5, 0, 0, 7]],
                'middlebury2014': [[0, 0, 0, 0], [2.5, 600, 0, 7]]}
    for decoder, values in expected.items():
        disp, valid = decode_disparity(path, decoder, {})
        np.testing.assert_array_equal(disp, np.float32(values))
        np.testing.assert_array_equal(valid, np.array(values) > 0)
    write_pfm(path, np.zeros((2, 2, 3)))
    with pytest.raises(ValueError, match='three channels'):
        decode_disparity(path, 'pfm', {})


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / 'a.npy', np.float64([[0, np.inf, 8]]))
    np.testing.assert_array_equal(decode_disparity(tmp_path / 'a.npy', 'npy', {})[0], [[0, 0, 8]])
    disp, valid = decode_disparity(tmp_path / 'a.npy', 'depth', {'focal': 320, 'baseline': 0.25})
    np.testing.assert_array_equal(disp, [[0, 0, 10]])
    np.testing.assert_array_equal(valid, [[False, False, True]])


def test_masks(tmp_path: Path) -> None:
    path = png(tmp_path / 'a.png', [[0, 128, 255]], np.uint8)
    for decoder, expected in (('middlebury', [0, 0, 1]), ('occluded', [1, 0, 0]), ('known', [0, 1, 1])):
        np.testing.assert_array_equal(decode_noc(path, decoder), np.array([expected], bool))
    with pytest.raises(ValueError, match='unknown decoder'):
        decode_noc(path, 'kitti')


@pytest.mark.parametrize('decoder', DISP_DECODERS)
@pytest.mark.parametrize('content', [
    b'', b'no picture', b'\x93NUMPY\x01\x00', b'Pf\n-1 9\n', b'PK\x03\x04' + bytes(9), b'P5\n60000 60000\n255\n'])
def test_what_is_no_such_file_is_named(tmp_path: Path, decoder: str, content: bytes) -> None:
    path = tmp_path / ('a.npy' if decoder in ('npy', 'depth') else 'a.png')
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.(png|npy): ') as caught:
        decode_disparity(path, decoder, {'focal': 1.0, 'baseline': 1.0})
    assert '\n' not in str(caught.value)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = png(tmp_path / 'a.png', np.random.default_rng(0).integers(0, 256, (2, 2, 3)), np.uint8)
    with pytest.raises(ValueError, match='channels: 3 of uint8'):
        decode_disparity(path, 'kitti', {})
    with pytest.raises(ValueError, match='channels: 1 of uint16'):
        decode_disparity(png(tmp_path / 'b.png', [[1, 2]]), 'fsd', {})
    with pytest.raises(ValueError, match='focal length and baseline'):
        decode_disparity(tmp_path / 'b.png', 'depth_cm', {})
    with pytest.raises(ValueError, match="unknown decoder 'pmf'"):
        decode_disparity(path, 'pmf', {})
    with pytest.raises(FileNotFoundError, match='does not exist'):
        decode_disparity(tmp_path / 'none.png', 'kitti', {})
    np.save(tmp_path / 'a.npy', np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match='no readable'):
        decode_disparity(tmp_path / 'a.npy', 'npy', {})
    np.save(tmp_path / 'a.npy', np.zeros((2, 2, 2)))
    with pytest.raises(ValueError, match='not one array'):
        decode_disparity(tmp_path / 'a.npy', 'npy', {})
