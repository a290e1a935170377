"""The command lines, run as a user runs them, on a tiny generated root."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
Tool = Callable[..., subprocess.CompletedProcess]
Tools = Callable[..., list[subprocess.CompletedProcess]]
OPTIONS = ('train_split=tiny_train', 'val_split=tiny_val', 'test_split=tiny_val', 'batch_size=2', 'num_workers=0',
           'lidar_sweeps=0')


def train_and_kill(config: str, folder: Path, file: Path, *arguments: str) -> None:
    """Start ``tools/train.py`` and kill it and its workers, without warning, once ``file`` is there."""
    command = [sys.executable, str(ROOT / 'tools' / 'train.py'), config, '--work-dir', str(folder), *arguments]
    job = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env={**os.environ, 'OMP_NUM_THREADS': '1'}, start_new_session=True)
    until = time.monotonic() + 300
    while not file.is_file() and job.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL


@pytest.fixture(scope='session')
def tool() -> Tool:
    """``tool(name, *arguments)`` runs ``tools/<name>.py``; ``tool.options`` are overrides for ``tiny_root``."""
    def run(name: str, *arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, arguments)], cwd=ROOT,
                              capture_output=True, text=True, env={**os.environ, 'OMP_NUM_THREADS': '1'})
    return run


@pytest.fixture(scope='session')
def tools(tool: Tool) -> Tools:
    """``tools(command, command, ...)`` runs command lines that do not need each other, two at a time; all in order."""
    def run(*commands: Sequence[object]) -> list[subprocess.CompletedProcess]:
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda command: tool(*command), commands))
    return run


@pytest.fixture(scope='session')
def options(tiny_root: Path) -> list[str]:
    """Overrides that put the demo's configs on the generated root."""
    return [f'data_root={tiny_root}', *OPTIONS]


@pytest.fixture(scope='session')
def teacher(tool: Tool, options: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoint of a LiDAR teacher after two epochs of ``tools/train.py``."""
    folder = tmp_path_factory.mktemp('teacher')
    done = tool('train', 'configs/demo/sim_teacher.py', '--work-dir', folder, '--cfg-options', *options,
                'max_epochs=2', 'warmup_epochs=1')
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / 'epoch_2.pth'


@pytest.fixture(scope='session')
def student(tool: Tool, options: list[str], teacher: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a distilled student, one epoch of two done."""
    folder = tmp_path_factory.mktemp('student')
    done = tool('train', 'configs/demo/sim_imkd.py', '--work-dir', folder, '--cfg-options', *options,
                'max_epochs=1', 'warmup_epochs=0.5', f'model.teachers.lidar.checkpoint={teacher}')
    assert done.returncode == 0, done.stderr[-2000:]
    return folder
