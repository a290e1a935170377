"""Code without taps computes the same and fires none; afterwards it is as it was."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest
import torch

from perception_kd.benchmark.without_taps import running, stripped_functions
from perception_kd.distill.taps import TapRecorder, tap
from tests.models.det3d.worlds import build, collate, sample, step, student_cfg

SOURCE = '''
from functools import cached_property
import torch
from perception_kd.distill.taps import tap

def plain(x):
    tap('statement', forbidden[x])
    return [tap(f'item_{i}', value + tap('inner', 1)) for i, value in enumerate(x)]

class Holder:
    @staticmethod
    def alone(x):
        return tap('alone', x) * 2

    @property
    def some(self):
        return tap('some', self)

    @torch.no_grad()
    def decorated(self, x):
        return tap('decorated', x)

    def untouched(self, x):
        return x
'''


@pytest.fixture
def module(tmp_path, monkeypatch):
    def load(source: str) -> ModuleType:
        found = ModuleType('perception_kd.made_up')
        found.__file__ = str(tmp_path / 'made_up.py')
        (tmp_path / 'made_up.py').write_text(source)
        exec(compile(source, found.__file__, 'exec', dont_inherit=True), vars(found))
        monkeypatch.setitem(sys.modules, found.__name__, found)
        return found
    return load


def test_calls_and_statements_go_wherever_they_stand(module):
    made = module(SOURCE)
    holder = made.Holder()
    stripped = stripped_functions()
    with TapRecorder() as recorder, running(stripped):
        assert made.plain([1, 2]) == [2, 3]
        assert made.Holder.alone(3) == 6 and holder.some is holder and holder.decorated(4) == 4
    found = {function.__qualname__ for function in stripped if function.__module__ == made.__name__}
    assert found == {'plain', 'Holder.alone', 'Holder.some', 'Holder.decorated'}
    assert recorder.collect() == {}
    with pytest.raises(NameError, match='forbidden'):
        made.plain([1])
    with TapRecorder() as recorder:
        made.Holder.alone(3)
    assert recorder.collect() == {'alone': 3} and made.tap is tap


def test_code_comes_back_after_an_error(module):
    made = module(SOURCE)
    before = made.Holder.alone.__code__
    with pytest.raises(RuntimeError, match='stop'), running(stripped_functions()):
        assert made.Holder.alone.__code__ is not before
        raise RuntimeError('stop')
    assert made.Holder.alone.__code__ is before


def test_a_tap_that_cannot_be_reached_is_an_error(module):
    module('from perception_kd.distill.taps import tap\ndef hidden(x):\n    return tap("hidden", x)\nhidden = len\n')
    with pytest.raises(ValueError, match=r'made_up: taps are marked in 1 functions, 0 of them'):
        stripped_functions()


def test_a_student_without_taps_has_the_same_losses_and_gradients():
    def losses_and_gradients() -> dict[str, torch.Tensor]:
        model = build(student_cfg()).train()
        losses = step(model, collate(sample(seed=1), sample(seed=2)))
        return {**losses, **{name: weight.grad for name, weight in model.named_parameters()}}

    with TapRecorder() as recorder:
        marked = losses_and_gradients()
    assert {'camera_bev', 'radar_bev', 'fused_bev', 'head'} <= set(recorder.collect())
    with TapRecorder() as recorder, running(stripped_functions()):
        stripped = losses_and_gradients()
    assert recorder.collect() == {}
    for name, value in marked.items():
        assert torch.equal(stripped[name], value), name
