"""Every way in which a sensor file can be spoiled: found, named, counted; and no whole file is called faulty."""

from __future__ import annotations

import json
import runpy
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.nuscenes.file_check import KINDS, check_files, check_info_files
from perception_kd.datasets.nuscenes.formats import RADAR_DTYPE, read_lidar_bin
from perception_kd.datasets.nuscenes.sensor_files import sensor_files
from perception_kd.datasets.nuscenes.stamp import load_infos, save_infos
from perception_kd.datasets.pictures import glance_at_jpeg
from tests.tiny_world import HEIGHT, VERSION, WIDTH

TRAIN = 'nuscenes_infos_tiny_train.pkl'
TOOL = Path(__file__).parents[2] / 'tools' / 'create_data.py'


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_root, tmp_path / 'root'))


def first(root: Path, modality: str, key: bool = True) -> Path:
    """A file of the last training key frame."""
    info = load_infos(root / TRAIN)[1][-1]
    return root / next(file.path for file in sensor_files(info) if file.modality == modality and file.key is key)


def cut(path: Path, size: int) -> None:
    path.write_bytes(path.read_bytes()[:size])


def spoil_point(path: Path) -> None:
    points = read_lidar_bin(path)
    points[3, 1] = np.nan
    path.write_bytes(points.tobytes())


def spoil_echo(path: Path) -> None:
    content = bytearray(path.read_bytes())
    start = content.find(b'DATA binary\n') + len(b'DATA binary\n')
    points = np.frombuffer(content, RADAR_DTYPE, 2, start).copy()
    points['x'][1] = np.inf  # with a NaN in the first one the devkit calls the sweep empty
    content[start:start + points.nbytes] = points.tobytes()
    path.write_bytes(content)


def overwrite_middle(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[2:-2] = bytes(len(content) - 4)
    path.write_bytes(content)


DAMAGE = [
    ('lidar', 'missing', Path.unlink), ('lidar', 'empty', lambda path: cut(path, 0)),
    ('lidar', 'truncated', lambda path: cut(path, 1001)),
    ('radar', 'missing', Path.unlink), ('radar', 'empty', lambda path: cut(path, 0)),
    ('radar', 'truncated', lambda path: cut(path, 700)), ('radar', 'corrupt', lambda path: cut(path, 50)),
    ('radar', 'not finite', spoil_echo),
    ('camera', 'missing', Path.unlink), ('camera', 'empty', lambda path: cut(path, 0)),
    ('camera', 'truncated', lambda path: cut(path, 900)),
    ('camera', 'corrupt', overwrite_middle), ('camera', 'corrupt', lambda path: path.write_bytes(b'no picture at all')),
    ('camera', 'wrong size', lambda path: cv2.imwrite(str(path), np.zeros((HEIGHT, WIDTH + 2, 3), np.uint8))),
]


@pytest.mark.parametrize(('modality', 'kind', 'damage'), DAMAGE)
def test_damage_is_named(root: Path, modality: str, kind: str, damage: object) -> None:
    path = first(root, modality)
    damage(path)
    infos = load_infos(root / TRAIN)[1]
    for deep in (False, True):
        report = check_files(root, infos, deep=deep)
        (fault,) = report.faults
        assert (fault.kind, fault.path) == (kind, str(path.relative_to(root))) and str(path) in fault.detail
        assert fault.kind in KINDS and report.counts() == {fault.channel: {kind: 1}}
        assert report.affected == [infos[-1]['token']]


def test_a_whole_root_has_no_faults_and_every_file_is_looked_at_once(tiny_root: Path) -> None:
    infos = load_infos(tiny_root / TRAIN)[1]
    report = check_files(tiny_root, infos, deep=True, workers=2)
    there = {path.relative_to(tiny_root).as_posix() for name in ('samples', 'sweeps')
             for path in (tiny_root / name).rglob('tiny-[01]*')}
    assert report.faults == report.affected == [] and report.key_frames == 6
    assert {file.path for info in infos for file in sensor_files(info)} == there
    assert sum(report.checked.values()) == len(there)


def test_points_that_are_no_numbers_need_a_deep_look(root: Path) -> None:
    spoil_point(first(root, 'lidar', key=False))
    infos = load_infos(root / TRAIN)[1]
    assert check_files(root, infos).faults == []
    (fault,) = check_files(root, infos, deep=True).faults
    assert fault.kind == 'not finite' and '1 of 350 points' in fault.detail


def test_other_pictures_are_decoded(root: Path) -> None:
    path = first(root, 'camera')
    picture = cv2.imread(str(path))
    path.write_bytes(cv2.imencode('.png', picture)[1].tobytes())
    assert glance_at_jpeg(path) is None and check_files(root, load_infos(root / TRAIN)[1]).faults == []
    for flags in ([], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_RST_INTERVAL, 1]):
        path.write_bytes(cv2.imencode('.jpg', picture[:, :33], flags)[1].tobytes())
        assert glance_at_jpeg(path) == (HEIGHT, 33)


def test_info_files_of_the_version_alone(root: Path) -> None:
    assert check_info_files(root, VERSION).key_frames == 9
    assert check_info_files(root, VERSION, [root / TRAIN]).key_frames == 6
    stamp, infos = load_infos(root / TRAIN)
    save_infos(root / 'nuscenes_infos_other.pkl', {**stamp, 'version': 'v1.0-other'}, infos)
    assert check_info_files(root, VERSION).key_frames == 9
    with pytest.raises(ValueError, match=r'other\.pkl is of version v1\.0-other, not v1\.0-tiny'):
        check_info_files(root, VERSION, [root / 'nuscenes_infos_other.pkl'])
    for path in root.glob('*.pkl'):
        path.unlink()
    with pytest.raises(FileNotFoundError, match=r'no info file of v1\.0-tiny; make them'):
        check_info_files(root, VERSION)


def test_command_line(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                      capsys: pytest.CaptureFixture) -> None:
    def status(*arguments: object) -> int:
        monkeypatch.setattr(sys, 'argv', [str(TOOL), 'check', '--root', str(root), *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            runpy.run_path(str(TOOL), run_name='__main__')
        return stop.value.code

    report = tmp_path / 'report.json'
    assert status('--version', VERSION, '--report', report) == 0
    first(root, 'lidar').unlink()
    cut(first(root, 'camera'), 900)
    capsys.readouterr()
    assert status('--version', VERSION, '--report', report, '--workers', 2) == 1
    said = capsys.readouterr().out
    assert '2 faulty, in 1 key frames' in said and 'LIDAR_TOP: 1 missing' in said and 'truncated: ' in said
    told = json.loads(report.read_text())
    assert told['faulty_files'] == 2 and told['counts']['LIDAR_TOP'] == {'missing': 1}
    assert [fault['kind'] for fault in told['faults']] == ['missing', 'truncated']
    assert status('--version', VERSION, '--limit', 2) == 0
    assert status('--version', VERSION, '--limit', -1) == 1
    assert 'error: --limit must not be negative' in capsys.readouterr().err
    assert status('--version', 'v1.0-mini') == 1
