"""Float maps against a file written byte by byte, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from perception_kd.datasets.stereo.pfm import read_pfm, write_pfm


def test_a_file_written_by_hand(tmp_path: Path) -> None:
    """Rows lie bottom-up: the last three numbers are the top row."""
    path = tmp_path / 'a.pfm'
    path.write_bytes(b'Pf\n3 2\n-0.00392157\n' + struct.pack('<6f', 4, 5, float('inf'), 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(path), np.array([[1, 2, 3], [4, 5, np.inf]], np.float32))
    path.write_bytes(b'Pf 3 2\r\n1\r\n' + struct.pack('>6f', 4, 5, 6, 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(path), np.array([[1, 2, 3], [4, 5, 6]], np.float32))
    path.write_bytes(b'PF\n1 2\n-1\n' + struct.pack('<6f', 4, 5, 6, 1, 2, 3))
    np.testing.assert_array_equal(read_pfm(path), np.array([[[1, 2, 3]], [[4, 5, 6]]], np.float32))


@pytest.mark.parametrize('shape', [(5, 7), (4, 3, 3), (1, 1)])
def test_what_is_written_is_read(tmp_path: Path, shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    values.flat[0] = np.nan
    write_pfm(tmp_path / 'a.pfm', values)
    read = read_pfm(tmp_path / 'a.pfm')
    np.testing.assert_array_equal(read, values)
    assert read.flags.c_contiguous and read.flags.writeable
    assert (tmp_path / 'a.pfm').read_bytes()[-4:] == values.reshape(shape[0], -1)[0, -1].tobytes()


@pytest.mark.parametrize('content', [
    b'', b'P6\n3 2\n255\n', b'Pf\n3\n', b'Pf\n3 2\n0\n', b'Pf\n3 2\nnan\n' + bytes(24), b'Pf\n3 2\n1-\n' + bytes(24),
    b'Pf\n-3 2\n-1\n', b'Pf\n3 2\n-1e999\n' + bytes(24)])
def test_no_pfm_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'a.pfm'
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.pfm: not a PFM'):
        read_pfm(path)


@pytest.mark.parametrize('content', [
    b'Pf\n3 2\n-1\n' + bytes(23), b'Pf\n3 2\n-1\n' + bytes(25), b'Pf\n0 2\n-1\n', b'PF\n999999999 999999999\n-1\n'])
def test_a_length_that_does_not_fit_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'a.pfm'
    path.write_bytes(content)
    with pytest.raises(ValueError, match='follow the header'):
        read_pfm(path)


def test_no_map_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_pfm(tmp_path / 'none.pfm')
    with pytest.raises(ValueError, match=r'holds \(H, W\)'):
        write_pfm(tmp_path / 'a.pfm', np.zeros((2, 2, 2)))
    assert not list(tmp_path.iterdir())
