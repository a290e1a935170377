"""From a released file to a checkpoint and a config that the tools read."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from perception_kd.distill.weights import load_strictly
from perception_kd.engine.build import load_config
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.models.stereo.released import convert_stereo_weights
from perception_kd.registry import MODELS
from tests.models.stereo.released.fake_fast import write_fast

TOOL = Path(__file__).parents[4] / 'tools/convert.py'


def run_tool(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    spec = importlib.util.spec_from_file_location('convert_tool', TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr(sys, 'argv', ['convert.py', 'stereo-weights', *map(str, arguments)])
    return tool.main()


def test_pickled_modules_by_the_tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture) -> None:
    model = write_fast(tmp_path / 'model.pth')
    out = tmp_path / 'made/fast.pth'
    arguments = ('--of', 'fast-foundation-stereo', '--file', tmp_path / 'model.pth', '--out', out)
    with pytest.raises(ValueError, match='--trust'):
        run_tool(monkeypatch, *arguments)
    assert not out.exists()
    assert run_tool(monkeypatch, *arguments, '--trust') == 0
    assert 'matched, 0 excused' in capsys.readouterr().out
    matcher = MODELS.build(load_config(out.with_suffix('.json')).model)
    load_strictly(matcher, load_weights(out))
    torch.testing.assert_close(matcher.refiner.mask.conv1.weight, model.update_block.mask[2].weight)


def test_refusals(tmp_path: Path) -> None:
    path = tmp_path / 'weights.pth'
    torch.save({'model': {'proj_cmb.bias': torch.zeros(12), 'more.bias': torch.zeros(1)}}, path)
    with pytest.raises(ValueError, match=r'weights\.pth: 1 of 2 names are not those'):
        convert_stereo_weights('foundation-stereo', path, tmp_path / 'out.pth')
    with pytest.raises(ValueError, match=r'name a \.pth file'):
        convert_stereo_weights('foundation-stereo', path, tmp_path / 'out')
    with pytest.raises(ValueError, match=r'weights\.pth is the released file itself'):
        convert_stereo_weights('foundation-stereo', path, path)
    with pytest.raises(ValueError, match="got 'others'"):
        convert_stereo_weights('others', path, tmp_path / 'out.pth')
    with pytest.raises(FileNotFoundError, match=r'none\.pth does not exist'):
        convert_stereo_weights('foundation-stereo', tmp_path / 'none.pth', tmp_path / 'out.pth')
    assert {one.name for one in tmp_path.iterdir()} == {'weights.pth'}
