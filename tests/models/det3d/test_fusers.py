"""Intensity gates and every way to fuse."""

import pytest
import torch

from perception_kd.distill.taps import TapRecorder
from perception_kd.models.det3d.fusers.fuser import MODES
from tests.models.det3d.worlds import NORM, build

GATED = ['gated_mfa', 'cross', 'gated_conv', 'cross_conv']


def _fuser(modalities=('camera', 'radar'), **changes):
    widths, extras = dict(camera=6, radar=4), dict(camera=1, radar=2)
    return build({
        **dict(
            type='IntensityGuidedFuser',
            in_channels={name: widths[name] for name in modalities},
            extras={name: extras[name] for name in modalities},
            out_channels=8,
            bev_shape=(4, 5),
            attention=dict(layers=2, heads=2, points=2),
            norm_cfg=NORM,
        ),
        **changes,
    }).eval()


def _maps():
    g = torch.Generator().manual_seed(0)
    return (
        dict(camera=torch.randn(2, 6, 4, 5, generator=g), radar=torch.randn(2, 4, 4, 5, generator=g)),
        dict(camera=torch.rand(2, 1, 4, 5, generator=g), radar=torch.rand(2, 2, 4, 5, generator=g)),
    )


def _stir(fuser):
    """Attention starts without looking at its queries; let every weight matter."""
    for weight in fuser.parameters():
        torch.nn.init.normal_(weight, std=0.3)


@pytest.mark.parametrize('mode', ['mfa', 'gated_mfa', 'gated_conv', 'cross'])
def test_a_gate_has_an_effect_after_the_normalisation_and_none_before_it(mode):
    fuser, (features, physical) = _fuser(mode=mode, intensity=dict(kind='physical')), _maps()
    _stir(fuser)
    for norm in fuser.norms.values():
        norm.norm.eps = 1e-12
    fused = fuser(features, physical)
    gate = torch.rand(2, 1, 4, 5) + 0.5
    before = fuser({name: value * gate for name, value in features.items()}, physical)
    torch.testing.assert_close(before, fused, atol=1e-4, rtol=1e-4)
    dimmed = fuser(features, {name: value * 0.5 * gate for name, value in physical.items()})
    assert torch.allclose(dimmed, fused) == (mode == 'mfa')


@pytest.mark.parametrize('mode', GATED)
def test_gates_multiply_the_normalised_maps(mode):
    fuser, (features, physical) = _fuser(mode=mode), _maps()
    with TapRecorder() as recorder:
        found = fuser.gated(features, physical)
    taps = recorder.collect()
    shares = {name: taps[f'{name}_intensity'] for name in features}
    for name, other in (('camera', 'radar'), ('radar', 'camera')):
        value = features[name]
        centred = value - value.mean(1, keepdim=True)
        normal = centred / (value.var(1, unbiased=False, keepdim=True) + 1e-5).sqrt()
        factor = shares[name] * (1 + shares[other]) if mode.startswith('cross') else shares[name]
        torch.testing.assert_close(found[name], normal * factor, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize('mode', MODES)
def test_intensity_taps_fire_exactly_where_the_fuser_says_so(mode):
    fuser, (features, physical) = _fuser(mode=mode), _maps()
    with TapRecorder() as recorder:
        fused = fuser(features, physical)
    taps = recorder.collect()
    assert fused.shape == (2, 8, 4, 5) and fuser.gated_maps == (mode in GATED)
    shares = {name: value for name, value in taps.items() if name.endswith('_intensity')}
    assert sorted(shares) == (['camera_intensity', 'radar_intensity'] if fuser.gated_maps else [])
    assert all(value.shape == (2, 1, 4, 5) and value.min() >= 0 and value.max() <= 1 for value in shares.values())
    assert sorted(set(taps) - set(shares)) == ['camera_gated', 'radar_gated']
    torch.testing.assert_close(fuser.merge([taps['camera_gated'], taps['radar_gated']]), fused)


def test_channel_gates_weigh_what_is_tapped_as_gated():
    fuser, (features, physical) = _fuser(mode='channel_gate'), _maps()
    _stir(fuser)
    normal = [norm(features[name]) for name, norm in fuser.norms.items()]
    found = fuser.gated(features, physical)
    for value, gate, name in zip(normal, fuser.merge.gates, features):
        torch.testing.assert_close(found[name], value * gate(torch.cat(normal, dim=1)).sigmoid())


@pytest.mark.parametrize('mode', MODES)
@pytest.mark.parametrize('modality', ['camera', 'radar'])
def test_one_modality_and_empty_maps_give_finite_values_and_gradients(mode, modality):
    fuser, (features, physical) = _fuser((modality,), mode=mode).train(), _maps()
    feature = torch.zeros_like(features[modality]).requires_grad_()
    fused = fuser({modality: feature}, {modality: torch.zeros_like(physical[modality])})
    fused.square().sum().backward()
    assert fused.isfinite().all() and feature.grad.isfinite().all()
    assert all(weight.grad.isfinite().all() for weight in fuser.parameters() if weight.grad is not None)
    again = fuser({modality: features[modality]}, {modality: physical[modality]})
    assert again.shape == (2, 8, 4, 5) and again.std() > 0


@pytest.mark.parametrize('mode', MODES)
def test_every_weight_learns_and_both_modalities_get_a_gradient(mode):
    fuser, (features, physical) = _fuser(mode=mode), _maps()
    _stir(fuser)
    leaves = {name: value.requires_grad_() for name, value in features.items()}
    (fuser(leaves, physical) * torch.randn(2, 8, 4, 5)).sum().backward()
    assert all(value.grad.abs().sum() > 0 for value in leaves.values())
    for name, weight in fuser.named_parameters():
        assert weight.grad is not None and weight.grad.abs().sum() > 0, name


def _look_nowhere_else(fuser):
    for layer in fuser.merge.layers:
        torch.nn.init.zeros_(layer.attention.offsets.weight)
        torch.nn.init.zeros_(layer.attention.offsets.bias)


def test_a_query_without_offsets_reads_its_own_cell():
    fuser, (features, physical) = _fuser(mode='mfa'), _maps()
    _stir(fuser)
    _look_nowhere_else(fuser)
    changed = {name: value.clone() for name, value in features.items()}
    changed['radar'][1, :, 2, 4] += torch.tensor([3.0, -1, 0, 1])
    difference = (fuser(changed, physical) - fuser(features, physical)).abs().amax(1)
    assert torch.nonzero(difference > 1e-5).tolist() == [[1, 2, 4]]


def test_attention_tells_cells_apart_by_their_place():
    fuser, (features, physical) = _fuser(mode='mfa'), _maps()
    _stir(fuser)
    _look_nowhere_else(fuser)
    same = {name: torch.ones_like(value) * torch.arange(value.shape[1])[:, None, None]
            for name, value in features.items()}
    cells = fuser(same, physical)[0].flatten(1).T
    assert len(cells.mul(1e5).round().unique(dim=0)) == 20
    torch.nn.init.zeros_(fuser.merge.rows)
    torch.nn.init.zeros_(fuser.merge.columns)
    cells = fuser(same, physical)[0].flatten(1).T
    torch.testing.assert_close(cells, cells[:1].expand(20, -1))


def test_learned_gate_starts_nearly_open_and_learns():
    fuser, (features, physical) = _fuser(), _maps()
    assert fuser.gates['camera'](features['camera'], physical['camera']).mean() > 0.75
    fuser(features, physical).square().sum().backward()
    assert fuser.gates['camera'].net[-1].weight.grad.abs().sum() > 0


@pytest.mark.parametrize('kind', ['physical', 'both'])
def test_physical_maps_dim_what_they_do_not_know(kind):
    fuser, (features, physical) = _fuser(intensity=dict(kind=kind, floor=0.2)), _maps()
    physical['radar'][0, :, 0, 0] = 0.0
    physical['radar'][0, :, 1, 1] = 1.0
    gate = fuser.gates['radar'](features['radar'], physical['radar'])
    assert gate[0, 0, 0, 0] <= 0.2 < gate[0, 0, 1, 1] and gate.max() <= 1
    if kind == 'physical':
        assert gate[0, 0, 0, 0] == pytest.approx(0.2) and gate[0, 0, 1, 1] == 1
        assert not list(fuser.gates.parameters())


@pytest.mark.parametrize('mode', MODES)
def test_half_precision_gives_nearly_the_same(mode):
    fuser, (features, physical) = _fuser(mode=mode), _maps()
    for weight in fuser.parameters():
        weight.data.add_(torch.randn_like(weight) * 0.1)
    exact = fuser(features, physical)
    with torch.autocast('cpu', torch.bfloat16):
        half = fuser({name: value.bfloat16() for name, value in features.items()}, physical)
    half.float().square().sum().backward()
    assert (half.float() - exact).abs().mean() < 0.03 * exact.abs().max()
    assert all(weight.grad.isfinite().all() for weight in fuser.parameters())


def test_weights_at_the_size_of_crn():
    """MFA of CRN: 0.63 M, and 0.59 M of its temporal convolution make the 1.2 M that are published."""
    fuser = _fuser(mode='gated_mfa', in_channels=dict(camera=80, radar=80), out_channels=128, bev_shape=(128, 128),
                   attention=None)
    layer = (128 * 64 + 64) + (128 * 32 + 32) + 2 * (80 * 128 + 128) + 2 * 256 + (128 * 256 + 256) + (256 * 128 + 128)
    assert sum(weight.numel() for weight in fuser.merge.parameters()) == (
        160 * 128 + 128 + 2 * 128 * 64 + 6 * layer)
    assert sum(weight.numel() for weight in fuser.gates.parameters()) == (81 * 9 + 82 * 9) * 40 + 2 * (80 + 41)


def test_bad_settings():
    with pytest.raises(ValueError, match='one of gated_mfa, mfa, cross'):
        _fuser(mode='sum')
    with pytest.raises(ValueError, match="'learned', 'physical' or 'both'"):
        _fuser(intensity=dict(kind='guessed'))
    with pytest.raises(ValueError, match='bev_shape'):
        _fuser(mode='mfa', bev_shape=None)
    with pytest.raises(ValueError, match='even number of out_channels, got 7'):
        _fuser(mode='mfa', out_channels=7)
    features, physical = _maps()
    with pytest.raises(ValueError, match=r'built for \(3, 5\) cells'):
        _fuser(mode='mfa', bev_shape=(3, 5))(features, physical)
