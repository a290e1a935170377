"""What the core loads: names come when they are asked for, and marking taps does not wait for training's libraries."""

import subprocess
import sys

import pytest

import perception_kd.distill
from perception_kd.registry import CONNECTORS, DISTILL_LOSSES, MASKS, MATCHERS, MODELS, SCHEDULES

HEAVY = ('torch._dynamo', 'mmengine.model', 'mmdet3d', 'perception_kd.distill.distiller')


@pytest.mark.parametrize('name', perception_kd.distill.__all__)
def test_every_name_is_there(name):
    found = getattr(perception_kd.distill, name)
    assert getattr(found, '__name__', name).rpartition('.')[2] == name


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match=r"'perception_kd.distill' has no attribute 'Destiller'"):
        perception_kd.distill.Destiller  # noqa: B018


def test_marking_and_recording_taps_loads_nothing_heavy():
    code = ('import sys, torch; from perception_kd.distill import TapRecorder, tap\n'
            'with TapRecorder() as recorder: tap("x", torch.ones(1))\n'
            f'print(*recorder.collect(), *(name for name in {HEAVY} if name in sys.modules))')
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout == 'x\n'


def test_a_config_finds_the_parts_of_a_pair_by_name():
    code = ('from perception_kd.registry import CONNECTORS, DISTILL_LOSSES, MASKS, MATCHERS, MODELS, SCHEDULES\n'
            'for registry in (CONNECTORS, DISTILL_LOSSES, MASKS, MATCHERS, MODELS, SCHEDULES):\n'
            '    registry.get("nothing of this name"); print(*registry.module_dict)')
    found = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout
    for line, registry in zip(found.splitlines(), (CONNECTORS, DISTILL_LOSSES, MASKS, MATCHERS, MODELS, SCHEDULES)):
        ours = {name for name, kind in registry.module_dict.items() if kind.__module__.startswith('perception_kd.dist')}
        assert ours and ours <= set(line.split())
