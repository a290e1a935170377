"""Whether a Triton kernel does the work or its twin in PyTorch."""

from __future__ import annotations

import functools
import importlib.util
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from mmengine.logging import print_log
from torch import Tensor

VARIABLE = 'PKD_TRITON'
OLDEST = (3, 2)  # the oldest that the kernels were compiled with
Mode = Literal['auto', 'off', 'always']
_FROM_ENVIRONMENT: dict[str, Mode] = {'': 'auto', '1': 'auto', '0': 'off'}
# Of the process and not of a context: backward passes on CUDA run in threads of their own.
_asked: list[Mode] = []


@contextmanager
def kernels(mode: Mode) -> Iterator[None]:
    """Inside, kernels run as ``mode`` says, whatever the environment does.

    A pooling pattern that was built before keeps to what was chosen then.

    Args:
        mode: ``auto``: for tensors on CUDA, where Triton works; ``off``: never; ``always``: unasked, which on the CPU
            takes Triton's interpreter (``TRITON_INTERPRET=1`` before triton is imported).
    """
    if mode not in ('auto', 'off', 'always'):
        raise ValueError(f"kernels: the mode is 'auto', 'off' or 'always', got {mode!r}")
    _asked.append(mode)
    try:
        yield
    finally:
        _asked.pop()


def use_kernels(tensor: Tensor) -> bool:
    """Whether work on this tensor is for a kernel.

    Raises:
        ValueError: ``PKD_TRITON`` is neither 0 nor 1.
    """
    mode = _asked[-1] if _asked else _environment()
    if mode == 'off' or torch.compiler.is_compiling():
        return False
    return mode == 'always' or (tensor.is_cuda and kernels_work(tensor.device))


@functools.cache
def kernels_work(device: torch.device) -> bool:
    """Whether a small kernel runs on this device and is right; if not, one warning says why.

    Triton may be there and not work: a GPU that is too old, no C compiler for its launcher, another driver.
    """
    if importlib.util.find_spec('triton') is None:
        return False
    try:
        try_out(device)
    except Exception as error:  # whatever a driver, a compiler or a GPU may say
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        print_log(f'Triton does not work on {device}, PyTorch does the work of its kernels: {reason} '
                  f'({VARIABLE}=0 leaves out the attempt)', logger='current', level=logging.WARNING)
        return False
    return True


def try_out(device: torch.device) -> None:
    """Run a small kernel on the device; whatever is wrong is raised."""
    import triton

    if tuple(map(int, triton.__version__.split('.')[:2])) < OLDEST:
        raise RuntimeError(f'triton {triton.__version__} is older than {".".join(map(str, OLDEST))}')
    from perception_kd.kernels.segment_reduce import reduce_segments
    from perception_kd.kernels.segments import Segments

    points = torch.tensor([[1.0, 2.0], [4.0, 8.0], [16.0, 32.0]], device=device)
    segments = Segments.sort(torch.tensor([1, 0, 1], device=device), 2)
    found = reduce_segments(points, segments, 'sum', torch.float32).tolist()
    if found != [[4.0, 8.0], [17.0, 34.0]]:
        raise RuntimeError(f'a sum of three points came out as {found}')


def _environment() -> Mode:
    value = os.environ.get(VARIABLE, '')
    if value not in _FROM_ENVIRONMENT:
        raise ValueError(f'{VARIABLE} is 1 (Triton kernels on CUDA, the default) or 0 (none), got {value!r}')
    return _FROM_ENVIRONMENT[value]
