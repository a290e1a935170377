"""What the flags of ``tools/train.py`` change in a config, and mixed precision by their names."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from mmengine.config import Config
from mmengine.logging import print_log

from perception_kd.engine.amp import choose_dtype
from perception_kd.engine.launch import SYNC_BN, check_sync_bn
from perception_kd.engine.safe_checkpoint import find_newest_checkpoint
from perception_kd.files import require_file

WRAPPERS = {'OptimWrapper': 'PortableAmpOptimWrapper', 'SAMOptimWrapper': 'SAMAmpOptimWrapper'}
AMP = {'auto': 'auto', 'bf16': 'bfloat16', 'fp16': 'float16'}


def apply_amp(cfg: Config, kind: str = 'auto') -> None:
    """Turn ``optim_wrapper`` into its twin in mixed precision.

    Args:
        cfg: Changed in place.
        kind: ``bf16``, ``fp16``, or ``auto``: what the config says, else bfloat16 on the CPU and float16 on CUDA.

    Raises:
        ValueError: an unknown kind, or a wrapper that cannot be replaced.
    """
    if kind not in AMP:
        raise ValueError(f'--amp must be one of {", ".join(AMP)}, got {kind!r}')
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper not in (*WRAPPERS, *WRAPPERS.values()):
        raise ValueError(f'--amp knows how to replace {" and ".join(WRAPPERS)} only, and the config has {wrapper}')
    cfg.optim_wrapper.type = WRAPPERS.get(wrapper, wrapper)
    if kind != 'auto':
        cfg.optim_wrapper.dtype = AMP[kind]


def apply_resume(cfg: Config, resume: str | None) -> None:
    """``auto`` goes on from the newest checkpoint of the work directory; a path from that file.

    Where the work directory has none yet, ``auto`` leaves the config's ``load_from``: training begins with it.
    """
    if resume == 'auto' and cfg.get('load_from') and find_newest_checkpoint(cfg.work_dir) is None:
        cfg.resume = False
        print_log(f'no checkpoint in {cfg.work_dir} yet: training starts with the weights of {cfg.load_from}',
                  logger='current')
    elif resume == 'auto':
        cfg.resume, cfg.load_from = True, None
    elif resume is not None:
        require_file(resume, '--resume: checkpoint')
        cfg.resume, cfg.load_from = True, resume


def apply_sync_bn(cfg: Config, kind: str | None) -> None:
    """Batch norms of several processes share their statistics; None leaves the config's ``sync_bn``.

    Raises:
        ValueError: an unknown kind, or one that cannot run here.
    """
    if kind is not None and kind not in SYNC_BN:
        raise ValueError(f'--sync_bn must be one of {", ".join(SYNC_BN)}, got {kind!r}')
    if kind is not None:
        cfg.sync_bn = None if kind == 'none' else kind
    check_sync_bn(cfg.get('sync_bn'), cfg.get('launcher', 'none'))


def apply_auto_scale_lr(cfg: Config) -> None:
    """Let the learning rate grow with the batch over all processes, from the config's ``base_batch_size``.

    Raises:
        ValueError: the config does not say what batch its learning rate is for.
    """
    base = (cfg.get('auto_scale_lr') or {}).get('base_batch_size')
    if not isinstance(base, int) or base < 1:
        raise ValueError(f'--auto-scale-lr: config {cfg.filename} has no auto_scale_lr=dict(base_batch_size=...), the '
                         'batch over all processes that its learning rate is for')
    cfg.auto_scale_lr.enable = True


def autocast(kind: str | None, device: str) -> AbstractContextManager:
    """Mixed precision as ``--amp`` names it on a device (``cpu``, ``cuda:1``); None: none.

    Raises:
        ValueError: the device has no such type.
    """
    if kind is None:
        return nullcontext()
    device_type = torch.device(device).type
    return torch.autocast(device_type, dtype=choose_dtype(AMP[kind], device_type))
