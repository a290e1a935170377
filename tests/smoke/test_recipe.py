"""A recipe on the command line: run, kill in the middle of a stage, run again, table."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.smoke.conftest import ROOT, Tool

CONFIG = 'configs/demo/recipe_sim.py'
SETTINGS = ('max_epochs=1', 'warmup_epochs=0.5', 'recipe.compare=[imkd]', 'default_hooks.checkpoint.by_epoch=False',
            'default_hooks.checkpoint.max_keep_ckpts=-1', 'lidar_check.frames=1', 'label_check.frames=1')
STEPS = 3  # of an epoch


def run_and_kill(folder: Path, file: Path, *arguments: str) -> None:
    """Start the recipe and kill it, without warning, once ``file`` is there."""
    command = [sys.executable, str(ROOT / 'tools' / 'train.py'), CONFIG, '--work-dir', str(folder), *arguments]
    job = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                           env={**os.environ, 'OMP_NUM_THREADS': '1'}, start_new_session=True)
    until = time.monotonic() + 300
    while not file.is_file() and job.poll() is None and time.monotonic() < until:
        time.sleep(0.005)
    os.killpg(job.pid, signal.SIGKILL)
    assert job.wait() == -signal.SIGKILL


def test_a_killed_recipe_goes_on_and_ends_with_the_table(tool: Tool, options: list[str], tmp_path: Path) -> None:
    out, settings = tmp_path / 'out', ['--cfg-options', *options, *SETTINGS]
    run_and_kill(out, out / 'label' / 'last_checkpoint', *settings)
    assert set(json.loads((out / 'recipe.json').read_text())) == {'train_lidar'}
    begun = (out / 'label' / 'iter_1.pth').stat().st_mtime_ns
    done = tool('train', CONFIG, '--work-dir', out, *settings)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'train LiDAR teacher: done before' in done.stdout and 'train label encoder ...' in done.stdout
    assert (out / 'label' / 'iter_1.pth').stat().st_mtime_ns == begun, 'the label encoder went on, not began again'
    assert read_checkpoint(out / 'label' / 'last.pth')['meta']['iter'] == STEPS
    table = (out / 'comparison.md').read_text()
    assert table in done.stdout and table.count('\n') == 3 and '| the same with IMKD |' in table
    report = read_checkpoint(out / 'imkd' / 'last.pth')
    assert str(out / 'lidar' / 'last.pth') in report['meta']['cfg'] and report['ema']['updates'] == STEPS


def test_a_recipe_refuses_a_path_to_resume_from(tool: Tool, tmp_path: Path) -> None:
    done = tool('train', CONFIG, '--work-dir', tmp_path / 'out', '--resume', tmp_path / 'x.pth')
    assert done.returncode == 1 and done.stderr == (
        'error: a recipe goes on by itself; leave out the path after --resume\n')
