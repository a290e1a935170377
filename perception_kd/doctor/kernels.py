"""Whether Triton's kernels pool and voxelise on this machine."""

from __future__ import annotations

import importlib.util
import os

from perception_kd.doctor.check import Check, fine, note
from perception_kd.doctor.environment import check_import
from perception_kd.doctor.machine import has_gpu

NAME = 'Triton kernels'
VARIABLE = 'PKD_TRITON'


def check_kernels() -> Check:
    """By a small kernel, in a process of its own."""
    if not has_gpu():
        return fine(NAME, 'not asked for without a GPU')
    if os.environ.get(VARIABLE) == '0':
        return fine(NAME, f'off ({VARIABLE}=0): PyTorch pools and voxelises')
    if importlib.util.find_spec('triton') is None:
        return note(NAME, 'no triton: PyTorch pools and voxelises', 'install the triton of your torch')
    code = 'import torch; from perception_kd.kernels.switch import try_out; try_out(torch.device("cuda", 0))'
    advice = f'a C compiler, or {VARIABLE}=0: PyTorch then does the same'
    return check_import(NAME, code, advice, required=False, found='run')
