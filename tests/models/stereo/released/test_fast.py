"""Released Fast-FoundationStereo: read without its code, with the layers and the wiring that it was trained with."""

from __future__ import annotations

import pickle
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from perception_kd.models.stereo.cost_filter.disparity_transformer import sinusoidal_table
from perception_kd.models.stereo.refine.widths import RELEASED_WIDTHS
from perception_kd.models.stereo.released import from_fast_foundation_stereo, read_module
from perception_kd.models.stereo.released.convert import check_fit
from perception_kd.registry import MODELS
from tests.models.stereo.released.fake_fast import REPOSITORY, mapping, repository, write_fast

NEVER_RUN = ('cost_agg.conv3_up', 'cost_agg.agg_0', 'cost_agg.feature_att_up_16', 'cost_agg.atts',
             'cost_agg.conv_patch', 'cost_agg.conv_out', 'context_zqr_convs', 'dx')


@pytest.fixture(scope='module')
def released(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, Path]:
    path = tmp_path_factory.mktemp('released') / 'model.pth'
    return write_fast(path), path


def run(layer: nn.Module, x: Tensor, features: Tensor) -> Tensor:
    """What the absent code does with a layer, by the description of it."""
    kind = type(layer).__name__
    if kind == 'BasicConv':
        act = layer.relu if isinstance(layer.relu, nn.Module) else nn.Identity()
        return act(layer.bn(layer.conv(x)))
    if kind == 'Conv3dNormActReduced':
        return layer.conv2(layer.conv1(x))
    if kind == 'ResnetBasicBlock3D':
        branch = layer.bn2(layer.conv2(layer.bn1(layer.conv1(x)).relu()))
        return (branch + x).relu()
    if kind == 'FeatureAtt':
        return layer.feat_att[1](run(layer.feat_att[0], features, features)).sigmoid()[:, :, None] * x
    if kind == 'CostVolumeDisparityAttention':
        return attend(layer, x)
    return layer(x)


def attend(layer: nn.Module, x: Tensor) -> Tensor:
    batch, channels, depth, height, width = x.shape
    tokens = x.permute(0, 3, 4, 2, 1).reshape(-1, depth, channels) + sinusoidal_table(depth, channels)
    for one in layer.sa:
        query, key, value = (getattr(one.self_attn, f'{name}_proj')(tokens).view(-1, depth, 4, channels // 4)
                             for name in 'qkv')
        weights = (query @ key.transpose(-2, -1) / (channels // 4) ** 0.5).softmax(-1)  # over the heads of a token
        mixed = one.self_attn.out_proj((weights @ value).reshape(-1, depth, channels))
        tokens = one.norm1(tokens + mixed)
        tokens = one.norm2(tokens + one.linear2(functional.gelu(one.linear1(tokens))))
    return tokens.view(batch, height, width, depth, channels).permute(0, 4, 3, 1, 2)


def filtered(model: nn.Module, volume: Tensor, features: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Filtered volume and logits of the released cost filter."""

    def through(layers: nn.Module, x: Tensor, level: int) -> Tensor:
        for layer in layers:
            x = run(layer, x, features[level])
        return x

    def after(post: nn.Module, skip: Tensor, x: Tensor, level: int) -> Tensor:
        return through(post.out, through(post.upsample, x, level) + skip, level)

    agg = model.cost_agg
    v4 = through(model.corr_feature_att.layers, volume, 0)
    c8 = through(agg.feature_att_8.layers, v4, 1)
    c16 = through(agg.feature_att_16.layers, c8, 2)
    c32 = run(agg.feature_att_32, through(agg.conv3, c16, 3), features[3])
    u8 = after(agg.post16_to_8, c8, after(agg.post32_to_16, c16, c32, 2), 1)
    v4 = after(agg.post8_to_4, v4, run(agg.conv1_up, u8, features[0]), 0)
    return v4, through(model.classifier.layers, v4, 0)[:, 0]


def test_names_widths_and_values(released: tuple[nn.Module, Path]) -> None:
    model, path = released
    assert REPOSITORY not in sys.modules
    converted = from_fast_foundation_stereo(read_module(path))
    report = check_fit(converted, 'released')
    kept = {name: value for name, value in model.state_dict().items() if not name.startswith(NEVER_RUN)}
    assert len(report.matched) == len(kept) == len(converted.weights)
    counted = sum(value.numel() for name, value in kept.items()
                  if not name.endswith(('running_mean', 'running_var', 'num_batches_tracked')))
    assert counted / 1e6 == pytest.approx(14.6, abs=0.005), 'the published count'
    settings = converted.model
    assert settings['refiner']['widths'] == RELEASED_WIDTHS and settings['refiner']['kernels']['motion'] == 3
    assert settings['context'] == dict(type='ContextHeads', squeeze_channels=8, norm='batch')
    matcher = MODELS.build(settings).eval()
    matcher.load_state_dict(converted.weights)

    torch.manual_seed(3)
    volume = torch.randn(1, 32, 16, 8, 16)
    features = [torch.randn(1, width, 8 >> level, 16 >> level) for level, width in enumerate((224, 192, 320, 304))]
    with torch.no_grad():
        expected, found = filtered(model, volume, features), matcher.cost_filter(volume, features)
        context = matcher.context(torch.zeros(1, 3, 32, 64), features[0])
        heads = [run(head, features[0], features[0]) for head in model.cnet.conv04]
    for one, other in zip(expected, found):
        torch.testing.assert_close(other, one, atol=1e-4, rtol=1e-3)
    torch.testing.assert_close(context.hidden[0], heads[0].tanh())


def test_settings_of_the_file_are_kept(released: tuple[nn.Module, Path], tmp_path: Path) -> None:
    """A few members of the family do not normalise what they correlate, which no parameter shows."""
    layer = nn.Linear(2, 2)
    with repository():
        layer.args = mapping(normalize=False, max_disp=192, hidden_dims=mapping())
        layer.named = Namespace(normalize=True)
        torch.save(layer, tmp_path / 'layer.pth')
    settings = read_module(tmp_path / 'layer.pth').settings
    assert settings['args'] == dict(normalize=False, max_disp=192) and settings['named'] == dict(normalize=True)
    tree = read_module(released[1])
    assert 'normalise' not in from_fast_foundation_stereo(tree).model['cost_volume']
    tree.settings['args'] = settings['args']
    model = from_fast_foundation_stereo(tree).model
    assert MODELS.build(model['cost_volume'] | dict(in_channels=8)).normalise is False


class Evil:
    """Runs a command when it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return Path.touch, (self.path,)


def test_no_code_of_the_file_is_run(tmp_path: Path) -> None:
    layer = nn.Linear(2, 2)
    layer.evil = Evil(tmp_path / 'touched')
    torch.save(layer, tmp_path / 'evil.pth')
    tree = read_module(tmp_path / 'evil.pth')
    assert tree.kind == 'Linear' and set(tree.state_dict()) == {'weight', 'bias'}
    assert not (tmp_path / 'touched').exists()
    pickle.loads(pickle.dumps(layer.evil))
    assert (tmp_path / 'touched').exists(), 'the trap works'


def test_says_what_it_cannot_read(tmp_path: Path) -> None:
    (tmp_path / 'damaged.pth').write_bytes(b'PK\x03\x04 no more')
    with pytest.raises(ValueError, match=r'damaged\.pth is damaged or incomplete'):
        read_module(tmp_path / 'damaged.pth')
    torch.save({'model': {'weight': torch.zeros(2)}}, tmp_path / 'plain.pth')
    with pytest.raises(ValueError, match=r'plain\.pth holds no pickled module'):
        read_module(tmp_path / 'plain.pth')
    torch.save(nn.Sequential(nn.Linear(2, 2)), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='no feature in the pickled Sequential'):
        from_fast_foundation_stereo(read_module(tmp_path / 'other.pth'))


def test_refuses_layers_that_the_filter_has_not(released: tuple[nn.Module, Path]) -> None:
    tree = read_module(released[1])
    tree.child('cost_agg.post16_to_8.out').children['1'].kind = 'Unheard'
    with pytest.raises(ValueError, match=r'cost_agg\.post16_to_8\.out\.1: a Unheard is no layer'):
        from_fast_foundation_stereo(tree)
    tree = read_module(released[1])
    tree.child('cost_agg.post16_to_8.out.0.relu').kind = 'ReLU'
    with pytest.raises(ValueError, match=r'cost_agg\.post16_to_8\.out\.0\.relu: a ReLU, where'):
        from_fast_foundation_stereo(tree)
    tree = read_module(released[1])
    tree.child('cost_agg.conv1_up.conv').settings['padding'] = (2, 2, 2)
    with pytest.raises(ValueError, match='a padding of'):
        from_fast_foundation_stereo(tree)
    tree = read_module(released[1])
    del tree.child('update_block.mask').children['0']
    with pytest.raises(ValueError, match=r'lacks refiner\.mask\.conv0'):
        from_fast_foundation_stereo(tree)
