"""Data checks on a generated root, whole and damaged."""

import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.doctor import Level, check_data, format_checks, is_healthy
from tests.tiny_world import VERSION

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(tiny_root, tmp_path / 'root')


def levels(checks) -> dict[str, Level]:
    return {check.name: check.level for check in checks}


def test_whole_root(tiny_root: Path) -> None:
    checks = check_data(tiny_root)
    text = format_checks(checks)
    assert set(levels(checks).values()) == {Level.FINE}, text
    assert 'all 13' in text and 'key frames, split' in text and 'scenes)' in text


def test_no_root_and_no_version(tmp_path: Path, tiny_root: Path) -> None:
    assert 'does not exist' in format_checks(check_data(tmp_path / 'gone'))
    (tmp_path / 'empty').mkdir()
    assert '0 versions' in format_checks(check_data(tmp_path / 'empty'))
    checks = check_data(tiny_root, 'v1.0-mini')
    assert not is_healthy(checks)
    assert f'no version v1.0-mini in {tiny_root} (there: {VERSION})' in checks[0].found


def test_missing_and_cut_tables(root: Path) -> None:
    table = root / VERSION / 'instance.json'
    table.write_bytes(table.read_bytes()[:-40])
    assert 'cut off or no JSON list: instance' in format_checks(check_data(root))
    table.unlink()
    assert 'missing in' in format_checks(check_data(root)) and not is_healthy(check_data(root))


def test_missing_sensor_files(root: Path) -> None:
    some = next((root / 'samples').rglob('*.jpg'))
    some.unlink()
    check = next(check for check in check_data(root) if check.name == 'sensor files')
    assert check.level is Level.NOTE and some.name in check.found
    for folder in ('samples', 'sweeps'):
        shutil.rmtree(root / folder, ignore_errors=True)
    assert levels(check_data(root))['sensor files'] is Level.BROKEN


def test_broken_splits(root: Path) -> None:
    (root / VERSION / 'splits.json').write_text('{"a": ')
    assert levels(check_data(root))['splits'] is Level.BROKEN


def test_info_files(root: Path) -> None:
    files = sorted(root.glob('nuscenes_infos_*.pkl'))
    content = pickle.loads(files[0].read_bytes())
    content['metainfo']['box_convention'] = 'mmdet3d-0.x'
    files[0].write_bytes(pickle.dumps(content))
    check = next(check for check in check_data(root) if check.name == files[0].name)
    assert check.level is Level.BROKEN and 'box_convention' in check.found
    content['metainfo'].update(box_convention='mmdet3d-1.x lidar', missing_files=3)
    files[0].write_bytes(pickle.dumps(content))
    check = next(check for check in check_data(root) if check.name == files[0].name)
    assert check.level is Level.NOTE and '3 sensor files were missing' in check.found
    for file in files:
        file.unlink()
    assert 'create_data.py nuscenes --root' in format_checks(check_data(root))


def test_command_line(tmp_path: Path, tiny_root: Path) -> None:
    def doctor(*arguments: str) -> subprocess.CompletedProcess:
        command = [sys.executable, str(ROOT / 'tools/doctor.py'), '--short', *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT,
                              env={'PYTHONPATH': str(ROOT), 'PATH': '/usr/bin:/bin'})

    good = doctor('--data-root', str(tiny_root))
    assert good.returncode == 0, good.stdout + good.stderr
    bad = doctor('--data-root', str(tmp_path / 'gone'))
    assert bad.returncode == 1 and 'BROKEN  data' in bad.stdout and not bad.stderr
    odd = doctor('--version', 'v1.0-mini')
    assert odd.returncode == 1 and odd.stderr == 'error: --version needs --data-root\n'
