"""Processes of a job: started by torchrun, Slurm or MPI, with GPUs or without."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from mmengine.dist import init_dist, is_distributed

SYNC_BN = ('none', 'torch', 'mmcv')
_PLACES = dict(
    pytorch=('torchrun', 'RANK', 'WORLD_SIZE', 'LOCAL_RANK'),
    slurm=('srun', 'SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'),
    mpi=('mpirun', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_LOCAL_RANK'))


class Place(NamedTuple):
    """A process of a job: number ``rank`` (from 0) of ``world``, number ``local`` on its machine."""

    rank: int = 0
    world: int = 1
    local: int = 0


def place_in_job(launcher: str) -> Place:
    """Which process of a job this is, by the launcher's variables: no other one is asked or waited for.

    The process gets the GPU of its number on the machine, where there are any.

    Raises:
        ValueError: the launcher's environment variables are not there.
    """
    if launcher == 'none':
        return Place()
    starter, *names = _PLACES[launcher]
    _require(starter, *names[:2])
    place = Place(*(int(os.environ.get(name, 0)) for name in names))
    if torch.cuda.is_available():
        torch.cuda.set_device(place.local % torch.cuda.device_count())
    return place


def start_processes(launcher: str, dist_cfg: Mapping[str, Any] | None = None) -> None:
    """Join the processes of a job, unless that is done already; nothing for the launcher ``none``.

    With GPUs mmengine does it. Without, the processes talk through gloo: mmengine's launchers select a CUDA device
    first, and stop where there is none.

    Args:
        launcher: ``none``, ``pytorch``, ``slurm`` or ``mpi``.
        dist_cfg: ``backend`` (used with GPUs), ``port`` (Slurm), ``timeout`` (s).

    Raises:
        ValueError: the launcher's environment variables are not there.
    """
    if launcher == 'none' or is_distributed():
        return
    settings = dict(dist_cfg or {})
    if launcher == 'slurm':
        _slurm_environment(settings.get('port'))
    elif launcher == 'mpi':
        _mpi_environment()
    _require('torchrun', 'RANK', 'WORLD_SIZE', 'MASTER_ADDR', 'MASTER_PORT')
    os.environ.setdefault('LOCAL_RANK', '0')
    if not torch.cuda.is_available():
        torch.distributed.init_process_group('gloo')
        return
    settings.pop('port', None)
    init_dist('pytorch', **{'backend': 'nccl', **settings})


def _slurm_environment(port: int | None) -> None:
    """Slurm's variables in torch's words; the first host of the job is asked of ``scontrol``."""
    _require('srun', 'SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST')
    _translate(SLURM_PROCID='RANK', SLURM_NTASKS='WORLD_SIZE')
    os.environ['LOCAL_RANK'] = os.environ.get('SLURM_LOCALID') or str(
        int(os.environ['RANK']) % max(torch.cuda.device_count(), 1))
    if 'MASTER_ADDR' not in os.environ:
        command = ['scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST']]
        try:
            names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
        except (OSError, subprocess.CalledProcessError) as error:
            raise ValueError(f'--launcher slurm: {" ".join(command)} did not work ({error}); set MASTER_ADDR to the '
                             "job's first host") from error
        os.environ['MASTER_ADDR'] = names[0]
    if port is not None:
        os.environ['MASTER_PORT'] = str(port)
    os.environ.setdefault('MASTER_PORT', '29500')


def _mpi_environment() -> None:
    _require('mpirun', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_SIZE', 'MASTER_ADDR')
    _translate(OMPI_COMM_WORLD_RANK='RANK', OMPI_COMM_WORLD_SIZE='WORLD_SIZE')
    os.environ['LOCAL_RANK'] = os.environ.get('OMPI_COMM_WORLD_LOCAL_RANK', '0')
    os.environ.setdefault('MASTER_PORT', '29500')


def _translate(**names: str) -> None:
    for theirs, ours in names.items():
        os.environ[ours] = os.environ[theirs]


def _require(starter: str, *names: str) -> None:
    missing = [name for name in names if name not in os.environ]
    if missing:
        raise ValueError(f'the environment has no {", ".join(missing)}: start the command through {starter}, or use '
                         '--launcher none')


def parallel_settings(cfg: Mapping[str, Any], wrapper_cfg: dict | None) -> dict[str, Any]:
    """Settings of the parallel wrapper where there is no GPU, so that it is not told a device number."""
    plain = dict(broadcast_buffers=False, find_unused_parameters=cfg.get('find_unused_parameters', False))
    return dict(wrapper_cfg or plain, device_ids=None)


def check_sync_bn(kind: str | None, launcher: str) -> None:
    """See that batch norms can share their statistics between processes.

    Raises:
        ValueError: an unknown kind; no GPU.
    """
    if kind is None or launcher == 'none':
        return
    if kind not in SYNC_BN[1:]:
        raise ValueError(f'sync_bn must be one of {", ".join(SYNC_BN)}, got {kind!r}')
    if not torch.cuda.is_available():
        raise ValueError(f'--sync_bn {kind} works on GPUs only; leave it out here')
