"""2N steps in one go equal N steps, SIGKILL, ``--resume`` and N steps, bit for bit, with augmentation and workers."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.smoke.conftest import Tool, train_and_kill

CONFIG = 'configs/demo/sim_imkd.py'
STEPS, KILLED_AFTER = 6, 2  # three steps an epoch, so the kill lies in the middle of one
SETTINGS = ('max_epochs=2', 'warmup_epochs=0.5', 'lidar_sweeps=2', 'default_hooks.checkpoint.by_epoch=False',
            'default_hooks.checkpoint.max_keep_ckpts=-1', 'default_hooks.logger.interval=1')


def differences(one: Any, other: Any, where: str = '') -> list[str]:
    """Places at which two trees of plain data are not equal, bit for bit; NaN equals NaN."""
    if isinstance(one, HistoryBuffer):
        return differences([part.tolist() for part in one.data], [part.tolist() for part in other.data], where)
    if isinstance(one, dict):
        if one.keys() != other.keys():
            return [f'{where}: {sorted(map(str, one.keys() ^ other.keys()))}']
        return [place for key in one for place in differences(one[key], other[key], f'{where}.{key}')]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f'{where}: {len(one)} and {len(other)} entries']
        pairs = enumerate(zip(one, other))
        return [place for index, pair in pairs for place in differences(*pair, f'{where}[{index}]')]
    if isinstance(one, torch.Tensor):
        same = torch.equal(one, other)
    elif isinstance(one, np.ndarray):
        same = np.array_equal(one, other)
    else:
        same = one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))
    return [] if same else [where]


def comparable(path: Path) -> dict[str, Any]:
    """A checkpoint without what tells the time or the folder."""
    checkpoint = read_checkpoint(path)
    checkpoint['meta'] = {key: checkpoint['meta'][key] for key in ('epoch', 'iter', 'seed', 'dataset_meta')}
    hub = checkpoint['message_hub']
    hub['log_scalars'] = {key: value for key, value in hub['log_scalars'].items() if 'time' not in key}
    hub['runtime_info'] = {key: value for key, value in hub['runtime_info'].items()
                           if key not in ('cfg', 'experiment_name', 'last_ckpt', 'eta')}
    return checkpoint


def test_a_killed_distillation_goes_on_as_if_nothing_had_been(tool: Tool, options: list[str], teacher: Path,
                                                              tmp_path: Path) -> None:
    settings = ['--cfg-options', *options, *SETTINGS, f'model.teachers.lidar.checkpoint={teacher}']
    whole, killed = tmp_path / 'whole', tmp_path / 'killed'
    with ThreadPoolExecutor() as beside:
        uninterrupted = beside.submit(tool, 'train', CONFIG, '--work-dir', whole, *settings)
        train_and_kill(CONFIG, killed, killed / f'iter_{KILLED_AFTER}.pth', *settings, 'num_workers=2')
    assert uninterrupted.result().returncode == 0, uninterrupted.result().stderr[-2000:]
    assert not (killed / f'iter_{STEPS}.pth').exists()
    done = tool('train', CONFIG, '--work-dir', killed, '--resume', *settings, 'num_workers=2')
    assert done.returncode == 0, done.stderr[-2000:]
    one, other = (comparable(folder / f'iter_{STEPS}.pth') for folder in (whole, killed))
    losses = one['message_hub']['log_scalars']
    assert len(losses['train/loss'].data[0]) == STEPS and 'train/loss_distill.lidar_to_radar' in losses
    assert one['optimizer']['state'] and one['random_states'] and one['meta']['iter'] == STEPS
    assert not differences(one, other)
    assert differences(one, comparable(whole / f'iter_{STEPS - 1}.pth')), 'the comparison can tell runs apart'
    assert not list(killed.glob('.*.partial.pth'))
