"""tools/environments.sh, with setups and test runs that are played."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SETUP = """mkdir -p "$VENV/bin"
echo "PYTHON=$PYTHON OPENCV=${OPENCV:-} NUMPY=${NUMPY:-} MMCV=${MMCV:-}"
case $NUMPY$OPENCV in 2) echo 'setup: TORCH= keeps none' >&2; exit 3 ;; esac
[ "${MMCV:-}" != broken ] || { echo 'setup: no compiled ops' >&2; exit 1; }
{ echo '#!/bin/sh'; cat; } >"$VENV/bin/python" <<'END'
case "$*" in
    *pytest*) echo 'tests of' "$@"; echo "$SUMMARY"; exit $STATUS ;;
    *) echo 3.98.1 2.13.0 1.26.4 opencv-python lite ;;
esac
END
chmod +x "$VENV/bin/python"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A folder with the script, a played setup, and one interpreter: python3.98."""
    (tmp_path / 'tools').mkdir()
    shutil.copy(ROOT / 'tools/environments.sh', tmp_path / 'tools')
    (tmp_path / 'tools/setup.sh').write_text(SETUP)
    (tmp_path / 'tools/without_libgl.sh').write_text('exit 1\n')
    (tmp_path / 'bin').mkdir()
    (tmp_path / 'bin/python3.98').write_text('#!/bin/sh\n')
    (tmp_path / 'bin/python3.98').chmod(0o755)
    return tmp_path


def environments(checkout: Path, *legs: str, status: int = 0, **variables: str) -> subprocess.CompletedProcess:
    summary = '1 failed, 2 passed in 9.87s' if status else '3 passed in 9.87s'
    env = {'PATH': f'{checkout / "bin"}:{os.defpath}', 'PYTHON': 'python3.98', 'SUMMARY': summary,
           'STATUS': str(status), **variables}
    return subprocess.run(['sh', 'tools/environments.sh', *legs], cwd=checkout, env=env, capture_output=True,
                          text=True, check=False)


def test_table_of_legs_that_ran_and_that_were_skipped(checkout) -> None:
    done = environments(checkout, 'py3.98', 'py3.99', 'numpy2', 'headless', 'mmcv', PYTEST_ARGS='-k bev')
    assert done.returncode == 0, done.stderr
    table = (checkout / '.venv-legs/table.txt').read_text()
    assert done.stdout.endswith(table)
    ran, *skipped = table.splitlines()[1:]
    assert ran.split()[:6] == ['py3.98', '3.98.1', '2.13.0', '1.26.4', 'opencv-python', 'lite']
    assert ran.endswith('3 passed in 9.87s')
    assert [line.split('skipped: ')[1] for line in skipped] == [
        'no interpreter python3.99', 'setup: TORCH= keeps none', 'libGL cannot be hidden here',
        'MMCV=REQUIREMENT is not given']
    log = (checkout / '.venv-legs/py3.98.log').read_text()
    assert 'PYTHON=python3.98 OPENCV=auto' in log and '-k bev' in log


def test_failed_tests_and_failed_setup(checkout) -> None:
    done = environments(checkout, 'py3.98', status=1)
    assert done.returncode == 1 and done.stdout.endswith('1 failed, 2 passed in 9.87s\n')
    done = environments(checkout, 'mmcv', MMCV='broken')
    assert done.returncode == 1 and done.stdout.endswith('setup FAILED: setup: no compiled ops\n')


def test_unknown_leg(checkout) -> None:
    done = environments(checkout, 'py2')
    assert done.returncode == 2 and 'no leg py2 (there: py3.10 py3.11' in done.stderr
