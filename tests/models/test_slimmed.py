"""Models cut to widths: what layers of every kind are afterwards, what is written, and what is refused."""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path

import pytest
import torch
from mmengine.model import BaseModel
from torch import nn

from perception_kd.models.slimmed import channels_of, slim, widths_of
from perception_kd.registry import MODELS
from perception_kd.structures import TapSpec


class Layers(BaseModel):
    """A layer of every kind, ``wide`` channels in, ``narrow`` out."""

    def __init__(self, wide: int = 8, narrow: int = 6) -> None:
        super().__init__()
        self.conv = nn.Conv2d(wide, narrow, 3, padding=1)
        self.grouped = nn.Conv2d(wide, narrow, 3, groups=2, bias=False)
        self.depthwise = nn.Conv2d(wide, wide, 3, groups=wide)
        self.up = nn.ConvTranspose2d(wide, narrow, 2)
        self.volume = nn.Conv3d(wide, narrow, 1)
        self.linear = nn.Linear(wide, narrow)
        self.norms = nn.ModuleList([nn.BatchNorm2d(wide), nn.InstanceNorm2d(wide, affine=True), nn.GroupNorm(2, wide),
                                    nn.LayerNorm(wide), nn.PReLU(wide)])
        self.scale = nn.Parameter(torch.ones(wide, 1, 1), requires_grad=False)
        self.same = nn.Conv2d(2, 2, 1)

    def tap_specs(self) -> dict[str, TapSpec]:
        return {name: TapSpec(name, 'image', channels, 'toy', stride=1)
                for name, channels in dict(conv=6, same=2, none=None).items()}

    def forward(self, x: torch.Tensor, mode: str = 'tensor') -> torch.Tensor:
        return self.conv(x)


def test_rebuilt_layers_are_those_that_were_built_small() -> None:
    small, full = Layers(4, 2), Layers()
    full.conv.to(memory_format=torch.channels_last)
    widths = json.loads(json.dumps(widths_of(small, full)))
    assert not any(name.startswith('same') for name in widths['shapes'])
    before = full.conv.weight[:2, :4].clone()
    rebuilt = slim(full, widths)
    assert str(rebuilt) == str(small)
    assert {name: value.shape for name, value in rebuilt.state_dict().items()} == {
        name: value.shape for name, value in small.state_dict().items()}
    assert torch.equal(rebuilt.conv.weight, before) and rebuilt.conv.weight.is_contiguous(
        memory_format=torch.channels_last)
    assert not rebuilt.scale.requires_grad and rebuilt.up.weight.requires_grad and rebuilt.up.weight.is_leaf
    rebuilt.load_state_dict(small.state_dict())
    x = torch.rand(1, 4, 5, 5)
    for name in ('conv', 'grouped', 'depthwise', 'up'):
        assert torch.allclose(getattr(rebuilt, name)(x), getattr(small, name)(x), atol=1e-6)


def test_taps_in_copies_and_pickles() -> None:
    model = slim(Layers(), dict(shapes={}, taps=dict(conv=3)))
    for one in (model, copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert {name: spec.channels for name, spec in one.tap_specs().items()} == dict(conv=3, same=2, none=None)
    assert copy.deepcopy(model).tap_specs.args[0].__self__ is not model
    specs = Layers().tap_specs()
    assert channels_of(specs, dict(conv=torch.rand(1, 3, 2, 2), same=torch.rand(1, 2, 2, 2), none=[1])) == dict(conv=3)


@pytest.fixture
def registered():
    MODELS.register_module(module=Layers, force=True)
    yield
    MODELS.module_dict.pop('Layers')


def test_any_config_of_a_model_may_say_slimmed(registered: None, tmp_path: Path) -> None:
    widths = widths_of(Layers(4, 2), Layers())
    for name, content in dict(record=dict(parameters=1, slimmed=widths), alone=widths).items():
        (tmp_path / f'{name}.json').write_text(json.dumps(content))
        model = MODELS.build(dict(type='Layers', wide=8, slimmed=str(tmp_path / f'{name}.json')))
        assert model.conv.in_channels == 4
    assert MODELS.build(dict(type='Layers', slimmed=None)).conv.in_channels == 8
    assert MODELS.build(dict(type='Layers', slimmed=widths)).conv.out_channels == 2


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    for shapes, words in (({'conv.weight': [9, 8, 3, 3]}, r'conv.weight of shape \[9, 8, 3, 3\] does not fit Layers'),
                          ({'conv.weight': [4, 8]}, 'another model'), ({'cone.weight': [1]}, 'cone'),
                          ({'conv.wait': [1]}, 'wait')):
        with pytest.raises(ValueError, match=words):
            slim(Layers(), dict(shapes=shapes))
    with pytest.raises(FileNotFoundError, match=r'nowhere\.json'):
        slim(Layers(), tmp_path / 'nowhere.json')
    for content, words in (('{', 'is no JSON'), ('{"widths": {}}', 'holds no shapes'), ('[]', 'holds no shapes')):
        (tmp_path / 'bad.json').write_text(content)
        with pytest.raises(ValueError, match=words):
            slim(Layers(), tmp_path / 'bad.json')
