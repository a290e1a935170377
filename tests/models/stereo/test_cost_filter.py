"""The cost filter: sizes, the published parameter counts, exchange of blocks, soft-argmin."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from perception_kd.models.stereo.cost_filter import (
    PRESETS,
    CostFilter,
    FilterBlock,
    foundation_blocks,
    released_blocks,
    soft_argmin,
)
from perception_kd.models.stereo.hybrid_volume import HybridCostVolume

PAPER = (224, 192, 320, 304)  # channels of the teacher's features
NARROW = (6, 8, 10, 12)


def _count(*modules: nn.Module) -> int:
    return sum(parameter.numel() for module in modules for parameter in module.parameters())


def _features(channels: tuple[int, ...], height: int, width: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(1, count, height >> level, width >> level, generator=generator)
            for level, count in enumerate(channels)]


def _narrow() -> CostFilter:
    torch.manual_seed(0)
    return CostFilter(volume_channels=5, feature_channels=NARROW,
                      blocks=foundation_blocks(widths=(4, 6, 8, 10), axial=3, transformer_layers=1, heads=2))


def test_teacher_has_the_published_number_of_parameters() -> None:
    with torch.device('meta'):
        blocks = CostFilter(feature_channels=PAPER, blocks='teacher').blocks
    aggregation = [block for name, block in blocks.items() if name not in ('stem', 'classifier')]
    excitation = blocks['stem'].layers.layers[-1]
    assert round(_count(*aggregation) / 1e6, 2) == 4.74
    assert round((_count(blocks['stem']) - _count(excitation)) / 1e6, 3) == 0.107
    assert round(_count(blocks['classifier']) / 1e6, 3) == 0.026


def test_released_student_has_the_published_layers() -> None:
    """Counted by hand from the published list: weights of convolutions, then biases and normalisation."""
    with torch.device('meta'):
        blocks = CostFilter(feature_channels=PAPER, blocks='released').blocks

    def normed(weights: int, channels: int, *, bias: bool = False) -> int:
        return weights + channels * (3 if bias else 2)

    def apc(before: int, channels: int, axial: int) -> int:
        return normed(9 * before * channels, channels, bias=True) + normed(axial * channels ** 2, channels, bias=True)

    def gate(volume: int, features: int) -> int:
        half = features // 2
        return normed(features * half, half) + half * volume + volume

    transformer = 4 * (28 * 28 + 28) + 2 * 28 * 112 + 112 + 28 + 4 * 28
    expected = {
        'stem': normed(27 * 32 * 28, 28) + normed(27 * 28 * 28, 28) + gate(28, 224),
        'down8': normed(27 * 28 * 28, 28) + apc(28, 56, 17) + gate(56, 192),
        'down16': normed(27 * 56 * 112, 112) + apc(112, 56, 13) + apc(56, 112, 3),
        'down32': normed(27 * 112 * 168, 168) + apc(168, 168, 17) + gate(168, 304),
        'up16': normed(27 * 168 * 112, 112) + gate(112, 320) + 2 * normed(27 * 112 ** 2, 112) + apc(112, 112, 9),
        'up8': normed(64 * 112 * 56, 56) + normed(27 * 56 * 56, 56) + gate(56, 192) + apc(56, 56, 9),
        'up4': (normed(64 * 56 * 28, 28) + normed(64 * 28 * 28, 28) + transformer + 3 * normed(27 * 28 * 28, 28)),
        'classifier': 27 * 28 + 1,
    }
    assert {name: _count(block) for name, block in blocks.items()} == expected


@pytest.mark.parametrize('preset', sorted(PRESETS))
def test_presets_need_no_fixed_range(preset: str) -> None:
    """Sizes stay for any range that is a multiple of 32 px, and every parameter learns."""
    model = CostFilter(volume_channels=3, feature_channels=NARROW, blocks=preset).train()
    features = _features(NARROW, 8, 16)
    for levels in (8, 16):
        filtered, logits = model(torch.randn(1, 3, levels, 8, 16), features)
        assert filtered.shape == (1, model.out_channels, levels, 8, 16)
        assert logits.shape == (1, levels, 8, 16)
    (model.expected(logits).square().mean() + filtered.square().mean()).backward()
    assert [name for name, parameter in model.named_parameters() if parameter.grad is None] == []


def test_any_block_can_be_exchanged() -> None:
    """One signature: a block of another make with the same widths leaves the blocks before it as they are."""
    model = _narrow().eval()
    volume, features = torch.randn(1, 5, 8, 8, 16), _features(NARROW, 8, 16)
    before = model(volume, features)
    wiring = model.blocks['up8'].wiring
    model.blocks['up8'] = FilterBlock(wiring=wiring, in_channels=8, skip_channels=6, feature_channels=8, merge='sum',
                                      layers=[dict(type='deconv', channels=6, kernel=2)]).eval()
    after = model(volume, features)
    assert after.volume.shape == before.volume.shape
    assert not torch.allclose(after.volume, before.volume)
    state = {'raw': volume}
    for block in model.blocks.values():
        state = block(state, features)
    torch.testing.assert_close(state['logits'][:, 0], after.logits)
    assert list(state) == ['raw', 'v4', 'c8', 'c16', 'c32', 'u16', 'u8', 'filtered', 'logits']


def test_left_features_gate_the_volume() -> None:
    model = _narrow().train()
    volume, features = torch.randn(1, 5, 8, 8, 16), _features(NARROW, 8, 16)
    reference = model(volume, features).volume
    for level in range(4):
        others = [feature.roll(1, dims=-1) if index == level else feature for index, feature in enumerate(features)]
        assert not torch.allclose(model(volume, others).volume, reference), level


def test_soft_argmin_is_the_expectation() -> None:
    torch.testing.assert_close(soft_argmin(torch.zeros(2, 5, 3, 4)), torch.full((2, 1, 3, 4), 2.0))
    logits = torch.tensor([0.0, 1.0, 3.0]).log().view(1, 3, 1, 1)
    assert soft_argmin(logits).item() == pytest.approx(1 * 0.25 + 2 * 0.75)
    sharp = torch.full((1, 200, 1, 1), -1e3)
    sharp[0, 137] = 0
    assert soft_argmin(sharp.half()).item() == 137


def test_hybrid_volume_holds_correlation_and_compressed_features() -> None:
    torch.manual_seed(0)
    model = HybridCostVolume(in_channels=8, groups=4, concat_channels=3)
    left, right = torch.randn(2, 8, 3, 10), torch.randn(2, 8, 3, 10)
    volume = model(left, right, 5)
    assert volume.shape == (2, model.out_channels, 5, 3, 10)
    torch.testing.assert_close(volume[:, 4:7, 3], model.compress(left))
    torch.testing.assert_close(volume[:, 7:, 3, :, 3:], model.compress(right)[..., :-3])
    assert HybridCostVolume(in_channels=8, groups=4, concat_channels=0)(left, right, 5).shape == (2, 4, 5, 3, 10)
    assert _count(HybridCostVolume(in_channels=224)) == 224 * 12 + 12
    with pytest.raises(ValueError, match='3 groups do not divide 8 channels'):
        HybridCostVolume(in_channels=8, groups=3)


def test_bad_settings_are_named() -> None:
    def build(**changed: dict) -> CostFilter:
        return CostFilter(volume_channels=5, feature_channels=NARROW,
                          blocks={**foundation_blocks(widths=(4, 6, 8, 10), heads=2), **changed})

    with pytest.raises(ValueError, match="cost filter 'huge': one of teacher"):
        CostFilter(feature_channels=NARROW, blocks='huge')
    with pytest.raises(ValueError, match=r"'compact' does not take depth; it takes widths, axial"):
        CostFilter(feature_channels=NARROW, blocks=dict(preset='compact', depth=3))
    with pytest.raises(ValueError, match=r'blocks of a cost filter are stem, .* got stem, extra'):
        CostFilter(feature_channels=NARROW, blocks=dict(stem=dict(), extra=dict()))
    with pytest.raises(ValueError, match="layer type 'lstm' of a cost filter: one of conv"):
        build(stem=dict(layers=[dict(type='lstm')]))
    with pytest.raises(ValueError, match='makes u8: a sum of 7 and 6 channels'):
        build(up8=dict(layers=[dict(type='deconv', channels=7)], merge='sum'))
    with pytest.raises(ValueError, match='makes c8 has nothing to merge with'):
        build(down8=dict(layers=[], merge='sum'))
    with pytest.raises(ValueError, match='skip_layers and after need merge'):
        build(up8=dict(layers=[], after=[dict(type='conv')]))
    with pytest.raises(ValueError, match='ends in 1 channel, not 4'):
        build(classifier=dict(layers=[]))
    with pytest.raises(ValueError, match=r'\(12, 8, 16\).*multiple of 8'):
        build()(torch.zeros(1, 5, 12, 8, 16), _features(NARROW, 8, 16))


def test_paper_student_reads_what_the_paper_teacher_makes() -> None:
    """Blocks of the search are exchanged with the teacher's, so both write volumes of the same widths."""
    with torch.device('meta'):
        teacher, student = (CostFilter(feature_channels=PAPER, blocks=blocks)
                            for blocks in (foundation_blocks(), released_blocks()))
    assert {name: block.out_channels for name, block in teacher.blocks.items()} == {
        name: block.out_channels for name, block in student.blocks.items()}
