"""Processes that Slurm starts find each other without a GPU; what is missing is named."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.engine import launch
from perception_kd.engine.launch import start_processes

ROOT = Path(__file__).resolve().parents[2]
JOB = """
import os
import torch
from perception_kd.engine.launch import start_processes
from perception_kd.leaving import leave
start_processes('slurm', dict(backend='nccl', port=int(os.environ['PORT'])))
start_processes('slurm', dict(backend='nccl'))  # a second stage of a recipe
total = torch.ones(1) * (int(os.environ['RANK']) + 1)
torch.distributed.all_reduce(total)
print(torch.distributed.get_backend(), torch.distributed.get_world_size(), os.environ['LOCAL_RANK'],
      os.environ['MASTER_ADDR'], int(total), flush=True)
leave()
"""


def free_port() -> str:
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        return str(free.getsockname()[1])


def test_slurm_without_a_gpu(tmp_path: Path) -> None:
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\n[ "$*" = "show hostnames node[1-2]" ] && printf "localhost\\nnode2\\n"\n')
    scontrol.chmod(0o755)
    clean = {key: value for key, value in os.environ.items() if not key.startswith(('MASTER_', 'SLURM_'))}
    place = dict(PATH=f'{tmp_path}:{os.environ["PATH"]}', SLURM_NTASKS='2', SLURM_NODELIST='node[1-2]',
                 CUDA_VISIBLE_DEVICES='', PORT=free_port(), PYTHONPATH=str(ROOT))
    jobs = [subprocess.Popen([sys.executable, '-c', JOB], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                             env={**clean, **place, 'SLURM_PROCID': str(rank), 'SLURM_LOCALID': str(rank)})
            for rank in range(2)]
    outputs = [job.communicate(timeout=120) for job in jobs]
    assert [out for out, _ in outputs] == ['gloo 2 0 localhost 3\n', 'gloo 2 1 localhost 3\n'], outputs
    assert [job.returncode for job in jobs] == [0, 0], outputs


def test_a_gpu_machine_uses_the_configs_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    monkeypatch.setattr(launch, 'init_dist', lambda launcher, **settings: calls.append((launcher, settings)))
    monkeypatch.setattr('torch.cuda.is_available', lambda: True)
    for name, value in dict(OMPI_COMM_WORLD_RANK='1', OMPI_COMM_WORLD_SIZE='2', MASTER_ADDR='head', RANK='',
                            WORLD_SIZE='', OMPI_COMM_WORLD_LOCAL_RANK='1', LOCAL_RANK='', MASTER_PORT='1').items():
        monkeypatch.setenv(name, value)
    start_processes('mpi', dict(backend='nccl', timeout=60))
    assert calls == [('pytorch', dict(backend='nccl', timeout=60))]
    assert (os.environ['RANK'], os.environ['WORLD_SIZE'], os.environ['LOCAL_RANK']) == ('1', '2', '1')


@pytest.mark.parametrize(('launcher', 'message'), [
    ('pytorch', 'no RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT: start the command through torchrun'),
    ('slurm', 'no SLURM_PROCID, SLURM_NTASKS, SLURM_NODELIST: start the command through srun'),
    ('mpi', 'no OMPI_COMM_WORLD_RANK, .* through mpirun')])
def test_started_without_the_launcher(monkeypatch: pytest.MonkeyPatch, launcher: str, message: str) -> None:
    for name in ('RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT'):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ValueError, match=message):
        start_processes(launcher)


def test_slurm_without_scontrol(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, value in dict(SLURM_PROCID='0', SLURM_NTASKS='1', SLURM_NODELIST='n1', PATH=str(tmp_path), RANK='',
                            WORLD_SIZE='', LOCAL_RANK='').items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv('MASTER_ADDR', raising=False)
    with pytest.raises(ValueError, match=r'scontrol show hostnames n1 did not work .*set MASTER_ADDR'):
        start_processes('slurm')
