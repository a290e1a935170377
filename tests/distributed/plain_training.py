"""Distillation of a toy student by ``tools/train.py``, in which nothing depends on how a batch is split."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from torch.utils.data import Dataset

from perception_kd.distill import Distiller
from perception_kd.engine.hooks.stop_signal import StopSignalHook
from perception_kd.engine.safe_checkpoint import read_checkpoint
from perception_kd.registry import DATASETS, HOOKS, MODELS
from tests.distill.toys import ToyStudent, feature_pair, response_pair, toy_sample, toy_teacher

ROOT = Path(__file__).parents[2]
CONFIG = """
custom_imports = dict(imports=['tests.distributed.plain_training'], allow_failed_imports=False)
default_scope = 'perception_kd'
batch_size = 4
model = dict(type='ToyDistiller')
train_dataloader = dict(batch_size='${batch_size}', num_workers=0, dataset=dict(type='PlainData'),
                        sampler=dict(type='DefaultSampler', shuffle=True), collate_fn=dict(type='pseudo_collate'))
train_cfg = dict(by_epoch=True, max_epochs=3)
optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
param_scheduler = dict(type='MultiStepLR', milestones=[1], by_epoch=True)
custom_hooks = [dict(type='SignalsAScheduler')]
randomness = dict(seed=0)
"""


@MODELS.register_module()
class ToyDistiller(Distiller):
    """Three pairs, whose normalisers count over all processes; the numbers of boxes differ between samples."""

    def __init__(self) -> None:
        pairs = dict(
            gaussian=feature_pair(mask=dict(type='GaussianMask'), weight=dict(type='LinearWarmup', value=1.0, end=2)),
            scaled=feature_pair(mask=dict(type='ActiveCells'), weight=0.3,
                                loss=dict(type='L1', channel='sum', normalise='rms')),
            response=response_pair())
        super().__init__(student=ToyStudent(norm=False, dropout=0.0), teachers=dict(lidar=toy_teacher()), pairs=pairs)


@DATASETS.register_module()
class PlainData(Dataset):
    def __len__(self) -> int:
        return 8

    def __getitem__(self, index: int) -> dict[str, Any]:
        inputs, sample = toy_sample(index, boxes=index % 4)
        return dict(inputs=inputs, data_samples=sample)


@HOOKS.register_module()
class SignalsAScheduler(Hook):
    """In the third step signals the process whose number is in the file ``TEST_SIGNAL``, and waits until that has
    passed it on to the first process of the job."""

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        torch.set_num_threads(1)
        file = os.environ.get('TEST_SIGNAL')
        if file and runner.iter == 2 and get_rank() == 0:
            os.kill(int(Path(file).read_text()), signal.SIGUSR1)
            hook = next(hook for hook in runner.hooks if isinstance(hook, StopSignalHook))
            while not hook.asked:
                time.sleep(0.01)


def environment(**more: str) -> dict[str, str]:
    """For processes that find this module and each other, and no GPU."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(('MASTER_', 'SLURM_', 'PKD_'))}
    return {**clean, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': '', 'OMP_NUM_THREADS': '1',
            'GLOO_SOCKET_IFNAME': 'lo', **more}


def free_port() -> int:
    """On loopback."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return free.getsockname()[1]


def assert_trained_alike(one: Path, other: Path) -> None:
    """Same weights but for the order of sums, same steps, same learning rate."""
    first, second = (read_checkpoint(folder / 'epoch_3.pth') for folder in (one, other))
    begin = read_checkpoint(one / 'epoch_1.pth')['state_dict']
    for name, value in first['state_dict'].items():
        torch.testing.assert_close(second['state_dict'][name], value, rtol=1e-4, atol=1e-6, msg=name)
    assert any((value - begin[name]).abs().max() > 1e-2 for name, value in first['state_dict'].items())
    assert first['meta']['iter'] == second['meta']['iter'] == 6
    assert first['optimizer']['param_groups'][0]['lr'] == second['optimizer']['param_groups'][0]['lr']
