"""The doctor's line on sparse convolutions, for libraries as they might be installed."""

import importlib.metadata
import importlib.util

import pytest

from perception_kd.doctor import Level, sparse


def pretend(monkeypatch: pytest.MonkeyPatch, *, spconv: bool, compiled: bool, gpu: bool) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, 'find_spec',
                        lambda name, *args: spconv or None if name == 'spconv' else find(name, *args))
    monkeypatch.setattr(importlib.metadata, 'packages_distributions', lambda: {'spconv': ['spconv-cu120']})
    monkeypatch.setattr(importlib.metadata, 'version', lambda name: '2.3.6')
    monkeypatch.setattr(sparse, 'compiled_mmcv_available', lambda: compiled)
    monkeypatch.setattr(sparse, 'has_gpu', lambda: gpu)


@pytest.mark.parametrize(('spconv', 'compiled', 'gpu', 'level', 'found'), [
    (True, True, True, Level.FINE, 'spconv-cu120 2.3.6'),
    (True, False, False, Level.NOTE, 'spconv-cu120 2.3.6: predicts on the CPU'),
    (False, True, True, Level.FINE, 'compiled mmcv'),
    (False, True, False, Level.NOTE, 'compiled mmcv, which has none for the CPU'),
    (False, False, False, Level.FINE, 'portable'),
])
def test_which_one_is_in_use(monkeypatch, spconv, compiled, gpu, level, found) -> None:
    pretend(monkeypatch, spconv=spconv, compiled=compiled, gpu=gpu)
    monkeypatch.setattr(sparse, 'check_import',
                        lambda name, code, advice, *, required, found: sparse.fine(name, found))
    check = sparse.check_sparse_convolution()
    assert check.level is level and check.found.startswith(found)
    assert bool(check.advice) is (level is Level.NOTE)


def test_a_spconv_that_does_not_load_is_named(monkeypatch) -> None:
    pretend(monkeypatch, spconv=True, compiled=False, gpu=True)
    check = sparse.check_import('x', 'import no_such_spconv', 'advice', required=False, found='')
    monkeypatch.setattr(sparse, 'check_import', lambda *args, **kwargs: check)
    assert sparse.check_sparse_convolution().found.startswith('does not load: ModuleNotFoundError: No module named')
