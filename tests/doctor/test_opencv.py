"""OpenCV from no wheel, one, two; without libGL."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.compat.versions import opencv_wheels
from perception_kd.doctor import Level, environment, format_checks

ROOT = Path(__file__).resolve().parents[2]
HIDE_LIBGL = ['sh', str(ROOT / 'tools' / 'without_libgl.sh')]
NOT_THERE = 'libGL.so.1: cannot open shared object file: No such file or directory'


def install(folder: Path, name: str, version: str = '4.11.0.86') -> None:
    info = folder / f'{name.replace("-", "_")}-{version}.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n')


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for packages, the only one that this process sees; importing cv2 from it works."""
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    (tmp_path / 'cv2.py').write_text('def imread(): pass\n')
    monkeypatch.setenv('PYTHONPATH', str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(('wheels', 'level', 'words'), [
    (['opencv-python'], Level.FINE, ['opencv-python 4.11.0.86']),
    (['opencv-python-headless'], Level.FINE, ['opencv-python-headless 4.11.0.86']),
    ([], Level.FINE, ['from no wheel that is known']),
    (['opencv-python-headless', 'opencv-python'], Level.NOTE,
     ['pip uninstall -y opencv-python opencv-python-headless && pip install --no-deps opencv-python==4.11.0.86']),
    (['opencv-contrib-python', 'opencv-python-headless'], Level.NOTE,
     ['pip uninstall -y opencv-python-headless opencv-contrib-python && ', '--no-deps opencv-python-headless==']),
])
def test_wheels(site, wheels: list[str], level: Level, words: list[str]) -> None:
    for name in wheels:
        install(site, name)
    check = environment.check_opencv()
    assert check.level is level and all(word in format_checks([check]) for word in words), check


def test_no_opencv(site, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    check = environment.check_opencv()
    assert check.level is Level.BROKEN and check.found == 'missing (images)' and check.advice == 'make setup'


def test_a_wheel_behind_another_folder_does_not_count(site, tmp_path_factory, monkeypatch) -> None:
    behind = tmp_path_factory.mktemp('behind')
    install(site, 'opencv-python', '4.10.0.84')
    install(behind, 'opencv-python-headless')
    monkeypatch.setattr(sys, 'path', [str(site), str(behind)])
    assert opencv_wheels() == {'opencv-python': '4.10.0.84'}


@pytest.mark.parametrize('error', [NOT_THERE, '/lib/libGL.so.1: file too short'])
def test_line_without_libgl(site, error: str) -> None:
    install(site, 'opencv-python')
    (site / 'cv2.py').write_text(f'raise ImportError({error!r})\n')
    check = environment.check_opencv()
    assert check.level is Level.BROKEN
    assert check.found == 'opencv-python 4.11.0.86: the system library libGL.so.1 is missing'
    assert 'apt-get install -y libgl1' in check.advice and 'make setup OPENCV=headless' in check.advice


def test_other_errors_are_told_as_they_are(site) -> None:
    install(site, 'opencv-python')
    (site / 'cv2.py').write_text('raise ImportError("numpy.core.multiarray failed to import")\n')
    check = environment.check_opencv()
    assert check.level is Level.BROKEN and 'numpy.core.multiarray failed to import' in check.found


def test_libgl_hidden() -> None:
    """The wheel that is installed here, on a machine without libGL: headless works, the other is told about."""
    if subprocess.run([*HIDE_LIBGL, 'true'], capture_output=True, check=False).returncode:
        pytest.skip('no right to make a mount namespace')
    wheels = list(opencv_wheels())
    if len(wheels) != 1 or 'contrib' in wheels[0]:
        pytest.skip(f'not one wheel of OpenCV here: {wheels}')
    command = [*HIDE_LIBGL, sys.executable, 'tools/doctor.py', '--short']
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    line = next(line for line in done.stdout.splitlines() if '  OpenCV  ' in line)
    if wheels == ['opencv-python-headless']:
        assert done.returncode == 0 and line.startswith('fine')
    else:
        assert done.returncode == 1 and line.startswith('BROKEN') and 'the system library libGL.so.1 is missing' in line
