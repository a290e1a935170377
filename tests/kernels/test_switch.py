"""When kernels run, and what happens where they cannot."""

import importlib.util
import logging
from types import SimpleNamespace

import pytest
import torch

from perception_kd.kernels import kernels, switch, use_kernels
from perception_kd.models.layers import BEVPoolPattern
from tests.kernels import DEVICE, needs_triton

ON_GPU = SimpleNamespace(is_cuda=True, device=torch.device('cuda', 0))


@pytest.fixture
def works(monkeypatch):
    monkeypatch.delenv(switch.VARIABLE, raising=False)
    monkeypatch.setattr(switch, 'kernels_work', lambda device: True)


def test_by_themselves_on_cuda_and_never_on_the_cpu(works):
    assert use_kernels(ON_GPU) and not use_kernels(torch.zeros(1))
    cell = torch.zeros(1, 1, 1, 1, 1, dtype=torch.long)
    assert isinstance(BEVPoolPattern.build(cell, cell == 0, 1), BEVPoolPattern)


def test_environment_and_context_turn_them_off(works, monkeypatch):
    with kernels('off'):
        assert not use_kernels(ON_GPU)
        with kernels('always'):
            assert use_kernels(torch.zeros(1))
        assert not use_kernels(ON_GPU)
    monkeypatch.setenv(switch.VARIABLE, '0')
    assert not use_kernels(ON_GPU)
    with kernels('auto'):
        assert use_kernels(ON_GPU)
    monkeypatch.setenv(switch.VARIABLE, '1')
    assert use_kernels(ON_GPU)


def test_a_graph_that_is_compiled_or_exported_has_the_twins(works, monkeypatch):
    monkeypatch.setattr(torch.compiler, 'is_compiling', lambda: True)
    assert not use_kernels(ON_GPU)


def test_an_unknown_choice_is_named(monkeypatch):
    monkeypatch.setenv(switch.VARIABLE, 'no')
    with pytest.raises(ValueError, match=r"PKD_TRITON is 1 .* or 0 .*, got 'no'"):
        use_kernels(ON_GPU)
    with pytest.raises(ValueError, match="'auto', 'off' or 'always', got 'on'"), kernels('on'):
        pass


def test_triton_that_does_not_work_is_told_once_and_left_alone(monkeypatch):
    told, tries = [], []

    def fail(device):
        tries.append(device)
        raise RuntimeError('launching\nFailed to find C compiler')

    monkeypatch.setattr(switch, 'try_out', fail)
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: name)
    monkeypatch.setattr(switch, 'print_log', lambda text, logger, level: told.append((text, level)))
    switch.kernels_work.cache_clear()
    try:
        assert not use_kernels(ON_GPU) and not use_kernels(ON_GPU)
    finally:
        switch.kernels_work.cache_clear()
    assert len(tries) == len(told) == 1 and told[0][1] == logging.WARNING
    assert 'cuda:0' in told[0][0] and 'Failed to find C compiler' in told[0][0]


def test_without_triton_nothing_is_tried_or_told(monkeypatch):
    monkeypatch.setattr(importlib.util, 'find_spec', lambda name: None)
    monkeypatch.setattr(switch, 'try_out', None)
    switch.kernels_work.cache_clear()
    try:
        assert not use_kernels(ON_GPU)
    finally:
        switch.kernels_work.cache_clear()


@needs_triton
def test_the_attempt_is_a_kernel_that_is_checked(monkeypatch):
    from perception_kd.kernels import segment_reduce

    switch.try_out(torch.device(DEVICE))
    monkeypatch.setattr(segment_reduce, 'reduce_segments', lambda points, *rest: points[:2])
    with pytest.raises(RuntimeError, match='came out as'):
        switch.try_out(torch.device(DEVICE))
    monkeypatch.setattr('triton.__version__', '3.1.0')
    with pytest.raises(RuntimeError, match=r'3\.1\.0 is older than 3\.2'):
        switch.try_out(torch.device(DEVICE))
