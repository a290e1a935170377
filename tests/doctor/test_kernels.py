"""The doctor's line on Triton, for machines as they might be."""

import importlib.util

import pytest

from perception_kd.doctor import Level, kernels
from perception_kd.kernels import switch


@pytest.mark.parametrize(('gpu', 'chosen', 'triton', 'level', 'words'), [
    (False, '1', False, Level.FINE, 'not asked for without a GPU'),
    (True, '0', True, Level.FINE, 'PKD_TRITON=0'),
    (True, '1', False, Level.NOTE, 'no triton: PyTorch'),
])
def test_what_the_machine_has(monkeypatch, gpu, chosen, triton, level, words) -> None:
    monkeypatch.setattr(kernels, 'has_gpu', lambda: gpu)
    monkeypatch.setenv(switch.VARIABLE, chosen)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: triton or None)
    check = kernels.check_kernels()
    assert check.level is level and words in check.found


@pytest.mark.skipif(importlib.util.find_spec('triton') is None, reason='triton is not installed')
def test_triton_that_does_not_run_says_why(monkeypatch) -> None:
    monkeypatch.setattr(kernels, 'has_gpu', lambda: True)
    monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '')
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    check = kernels.check_kernels()
    assert check.level is Level.NOTE and check.found.startswith('does not load: ') and 'PKD_TRITON=0' in check.advice
