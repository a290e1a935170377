"""``torchrun`` on two processes: the metrics of one, one writer, and a training that resumes and ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.smoke.conftest import ROOT, Tool

TEACHER, IMKD = 'configs/demo/sim_teacher.py', 'configs/demo/sim_imkd.py'


def torchrun(name: str, *arguments: object) -> subprocess.CompletedProcess:
    """``tools/<name>.py`` on two processes; fails if they do not end."""
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone', '--nproc_per_node', '2',
               str(ROOT / 'tools' / f'{name}.py'), str(arguments[0]), '--launcher', 'pytorch',
               *map(str, arguments[1:])]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=400,
                          env={**os.environ, 'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': ''})
    assert done.returncode == 0, done.stderr[-3000:]
    return done


def content(folder: Path) -> tuple[dict[str, Any], str]:
    """Results by sample, and the metrics as text (NaN would differ from itself) without the clock."""
    summary = json.loads((folder / 'metrics_summary.json').read_text())
    summary.pop('eval_time')
    return json.loads((folder / 'results_nusc.json').read_text()), json.dumps(summary, sort_keys=True)


def test_two_processes_give_the_metrics_of_one(tool: Tool, options: list[str], teacher: Path, tmp_path: Path) -> None:
    """Three samples on two processes: one of them is given twice and has to count once."""
    settings = ['--cfg-options', *options, 'batch_size=1']
    done = tool('test', TEACHER, teacher, '--work-dir', tmp_path / 'one', *settings)
    assert done.returncode == 0, done.stderr[-2000:]
    done = torchrun('test', TEACHER, teacher, '--work-dir', tmp_path / 'two', *settings)
    assert done.stdout.count('results: ') == 1
    one, two = content(tmp_path / 'one'), content(tmp_path / 'two')
    assert len(one[0]['results']) == 3 and sum(map(len, one[0]['results'].values())) > 0
    assert one == two


def test_training_on_two_processes_resumes_exactly(options: list[str], teacher: Path, tmp_path: Path) -> None:
    """The first run draws pictures after each epoch, which neither waits for ever nor changes anything."""
    settings = ['--cfg-options', *options, 'batch_size=1', 'max_epochs=2', 'warmup_epochs=0.5',
                f'model.teachers.lidar.checkpoint={teacher}']
    whole, rest = tmp_path / 'whole', tmp_path / 'rest'
    torchrun('train', IMKD, '--work-dir', whole, *settings, 'default_hooks.visualize.type=VisualizeHook')
    drawn = sorted(path.name for path in whole.glob('*/vis_data/vis_image/*.png'))
    assert drawn == ['maps.0_3.png', 'maps.0_6.png', 'scene.0_3.png', 'scene.0_6.png']
    assert sorted(path.name for path in whole.iterdir() if path.is_file() and not path.name.startswith('2')) == [
        'environment.json', 'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint', 'sim_imkd.py']
    assert len(list(whole.glob('*/*.log'))) == 1, 'one process writes'
    torchrun('train', IMKD, '--work-dir', rest, '--resume', whole / 'epoch_1.pth', *settings)
    one, two = (read_checkpoint(folder / 'epoch_2.pth') for folder in (whole, rest))
    assert one['meta']['iter'] == two['meta']['iter'] == 6 and len(one['random_states']) == 2
    different = [name for name, value in one['state_dict'].items() if not torch.equal(value, two['state_dict'][name])]
    assert not different, different
    first = read_checkpoint(whole / 'epoch_1.pth')['state_dict']
    assert any(not torch.equal(value, one['state_dict'][name]) for name, value in first.items())
