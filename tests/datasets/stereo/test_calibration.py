"""Calibrations as the sets write them."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.calibration import CALIBRATION_READERS, read_calibration

MIDDLEBURY = ('cam0=[999.421 0 294.182; 0 999.421 252.932; 0 0 1]\ncam1=[999.421 0 326.96; 0 999.421 252.932; 0 0 1]\n'
              'doffs=32.778\nbaseline=193.001\nwidth=741\nheight=497\nndisp=70\n')
KITTI2012 = ('P0: 7e2 0 600 0 0 7e2 180 0 0 0 1 0\nP1: 7e2 0 600 -385 0 7e2 180 0 0 0 1 0\n'
             'P2: 7e2 0 600 42 0 7e2 180 0 0 0 1 0\nP3: 7e2 0 601 -336 0 7e2 180 0 0 0 1 0\n')


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_middlebury(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path / 'calib.txt', MIDDLEBURY))
    assert (found.focal, found.baseline, found.doffs) == (999.421, 0.193001, 32.778)
    assert found.centre == (294.182, 252.932) and found.ndisp == 70
    without = '\n'.join(line for line in MIDDLEBURY.splitlines() if not line.startswith('doffs'))
    assert read_calibration(write(tmp_path / 'calib.txt', without)).doffs == pytest.approx(32.778)


def test_kitti(tmp_path: Path) -> None:
    colour = read_calibration(write(tmp_path / 'a.txt', KITTI2012), 'kitti')
    assert (colour.focal, colour.baseline, colour.doffs) == (700, pytest.approx(0.54), 1)
    grey = read_calibration(tmp_path / 'a.txt', 'kitti_grey')
    assert (grey.baseline, grey.doffs) == (pytest.approx(0.55), 0)
    named = KITTI2012.replace('P2', 'P_rect_02').replace('P3', 'P_rect_03') + 'calib_time: 09-Jan-2012 13:57:47\n'
    assert read_calibration(write(tmp_path / 'b.txt', named), 'kitti') == colour


def test_middlebury2006(tmp_path: Path) -> None:
    found = read_calibration(write(tmp_path / 'dmin.txt', '270\n'), 'middlebury2006')
    assert (found.focal, found.baseline, found.doffs) == (3740, 0.16, 270)


def test_fallingthings(tmp_path: Path) -> None:
    intrinsics = {'fx': 768.16, 'fy': 768.16, 'cx': 480, 'cy': 270, 's': 0}
    text = json.dumps({'camera_settings': [{'name': 'left', 'intrinsic_settings': intrinsics}]})
    found = read_calibration(write(tmp_path / 'a.json', text), 'fallingthings')
    assert (found.focal, found.baseline, found.centre) == (768.16, 0.06, (480, 270))


def test_booster(tmp_path: Path) -> None:
    storage = cv2.FileStorage(str(tmp_path / 'a.xml'), cv2.FILE_STORAGE_WRITE)
    for name, centre in (('proj_matL', 2000.0), ('proj_matR', 2050.0)):
        storage.write(name, np.array([[5000, 0, centre, 0], [0, 5000, 1500, 0], [0, 0, 1, 0.0]]))
    storage.write('baselineLR', 80.0)
    storage.release()
    found = read_calibration(tmp_path / 'a.xml', 'booster')
    assert (found.focal, found.baseline, found.doffs) == (5000, 0.08, 50)


@pytest.mark.parametrize('reader', CALIBRATION_READERS)
@pytest.mark.parametrize('content', [
    b'', b'\x00\xff\xfe', b'{}', b'[]', b'cam0=[a b]\nbaseline=1', b'P2: 1 2\nP3: 1 2', b'<?xml version="1.0"?><a>',
    b'cam0=[1 0 0; 0 1 0; 0 0 1]\nbaseline=-5', b'cam0=[nan 0 0; 0 1 0; 0 0 1]\nbaseline=5', b'nan',
    b'P2: 0 0 0 0 0 0 0 0 0 0 0 0\nP3: 0 0 0 0 0 0 0 0 0 0 0 0', b'cam0=' + b'9' * 2**20, b'[' * 100_000])
def test_what_is_no_calibration_is_named_in_one_line(tmp_path: Path, reader: str, content: bytes) -> None:
    path = tmp_path / ('a.xml' if reader == 'booster' else 'a.txt')
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r'a\.(txt|xml): ') as caught:
        read_calibration(path, reader)
    assert '\n' not in str(caught.value) and len(str(caught.value)) < 400


def test_no_reader_and_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown form 'kitty'"):
        read_calibration(tmp_path / 'a.txt', 'kitty')
    with pytest.raises(FileNotFoundError, match='does not exist'):
        read_calibration(tmp_path / 'a.txt')
