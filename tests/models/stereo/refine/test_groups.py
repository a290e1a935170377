"""Channel groups of the refinement: the published table, and slimming that changes nothing through the iterations."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from perception_kd.compress.prune.groups import check_groups, outside
from perception_kd.compress.prune.rank import rank_channels
from perception_kd.compress.prune.slim import mask, slim
from perception_kd.models.stereo import ContextHeads, ContextNet, ConvexUpsampler, SelectiveRefiner
from perception_kd.models.stereo.refine.groups import RefinementGroups
from perception_kd.models.stereo.refine.widths import RELEASED_WIDTHS, UNPRUNED_WIDTHS, resolve_widths

TABLE = RefinementGroups()
NAMES = list(UNPRUNED_WIDTHS)
COARSE = ['gru8_input', 'gru8_joint', 'gru16_input', 'gru16_joint']
TINY = {**{name: 6 + place % 4 for place, name in enumerate([*NAMES, *COARSE])}, 'context': 9, 'hidden': 10}


class Refinement(nn.Module):
    """The parts of a matcher that are pruned, and one that is not."""

    def __init__(self, widths: Any, *, levels: int = 1, head_blocks: int = 2, norm: str = 'none',
                 volume: int = 3) -> None:
        super().__init__()
        self.feature = nn.Conv2d(3, 5, 1)
        self.refiner = SelectiveRefiner(volume_channels=volume, levels=levels, widths=widths, head_blocks=head_blocks,
                                        radius=2 if volume == 3 else 4, layer_scale=0.5)
        shared = dict(hidden_channels=self.refiner.hidden, context_channels=self.refiner.context)
        self.context = ContextHeads(in_channels=5, norm=norm, **shared) if levels == 1 else ContextNet(
            channels=(4, 5, 6), strides=(2, 1, 2, 1), **shared)
        self.upsampler = ConvexUpsampler(widths=widths)
        self.eval()

    def forward(self, left: Tensor) -> list[Tensor]:
        """Full-size disparity of three iterations."""
        draw = torch.Generator().manual_seed(5)
        batch, _, height, width = left.shape
        volume = torch.randn(batch, 3, 8, height // 4, width // 4, generator=draw)
        features = self.feature(left[..., ::4, ::4])
        start = 7 * torch.rand(batch, 1, height // 4, width // 4, generator=draw)
        steps = self.refiner(self.refiner.lookup(volume, features, features.flip(1)), self.context(left, features),
                             start, 3)
        return [self.upsampler(disparity, masks, self.upsampler.stem(left)) for disparity, masks in steps]


def widths_of(settings: dict) -> dict[str, int]:
    return TINY if settings.get('levels') == 3 else {name: TINY[name] for name in NAMES}


def drawn(**settings: Any) -> Refinement:
    """Weights large enough that every channel matters; statistics and scales that are not the identity."""
    torch.manual_seed(1)
    net = Refinement(widths_of(settings), **settings)
    for name, value in net.state_dict().items():
        if name.endswith(('running_mean', 'norm.bias')):
            value.normal_(std=0.3)
        elif name.endswith(('running_var', 'norm.weight')):
            value.uniform_(0.5, 1.5)
    return net


def kept_at_random(net: Refinement) -> dict[str, Tensor]:
    draw = torch.Generator().manual_seed(2)
    return {group.name: torch.randperm(group.size, generator=draw)[:group.size // 2].sort().values
            for group in TABLE.groups(net)}


@torch.no_grad()
@pytest.mark.parametrize('settings', [
    dict(), dict(head_blocks=0), dict(norm='batch'), dict(levels=3, head_blocks=1)], ids=str)
def test_slimmed_equals_masked_over_three_iterations(settings: dict) -> None:
    net, left = drawn(**settings), torch.randn(1, 3, 64, 96, generator=torch.Generator().manual_seed(0))
    groups, kept, whole = TABLE.groups(net), kept_at_random(net), net(left)
    check_groups(net, groups)
    widths = {**widths_of(settings), **{name: len(stays) for name, stays in kept.items()}}
    small = Refinement(widths, **settings)
    weights = slim(net.state_dict(), groups, kept)
    small.load_state_dict(weights)
    net.load_state_dict(mask(net.state_dict(), groups, kept))
    masked = net(left)
    for ours, theirs in zip(small(left), masked, strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)
    assert (whole[-1] - masked[-1]).abs().max() > 1e-2, 'what was removed did something'
    unscaled = [replace(group, means=()) for group in groups]
    small.load_state_dict(slim(net.state_dict(), unscaled, kept))
    assert (small(left)[-1] - masked[-1]).abs().max() > 1e-4, 'without the rescaled mean of the attention they differ'


def test_table_of_the_paper() -> None:
    """18 groups of 3071 channels; the published student has lost 0.607 of them, and the ranking can say so."""
    with torch.device('meta'):
        net, published = (Refinement(widths, volume=28) for widths in ('unpruned', 'released'))
    groups = TABLE.groups(net)
    assert {group.name: group.size for group in groups} == UNPRUNED_WIDTHS and len(groups) == 18
    chosen = {name: (torch.arange(width) < RELEASED_WIDTHS[name]).float() for name, width in UNPRUNED_WIDTHS.items()}
    kept = rank_channels(chosen, 0.607)
    assert {name: len(stays) for name, stays in kept.items()} == RELEASED_WIDTHS
    removed = 1 - sum(map(len, kept.values())) / sum(group.size for group in groups)
    assert removed == pytest.approx(0.607, abs=5e-4)
    slimmed = slim(net.state_dict(), groups, kept)
    assert {name: value.shape for name, value in slimmed.items()} == {
        name: value.shape for name, value in published.state_dict().items()}


def test_groups_follow_levels_and_blocks() -> None:
    names = {group.name for group in TABLE.groups(drawn(head_blocks=0))}
    assert names == set(NAMES) - {'head_expand1', 'head_expand2'}
    deep = drawn(levels=3, head_blocks=1)
    groups = {group.name: group for group in TABLE.groups(deep)}
    assert set(groups) == (set(NAMES) | set(COARSE)) - {'head_expand2'}
    # Three first states, 18 gates; their biases. Nine units and heads read it, and states pooled and enlarged.
    assert len(groups['hidden'].producers) == 2 * (3 + 18)
    assert len(groups['hidden'].consumers) == 3 + 6 + 2 + 2 + 2
    assert outside(deep, groups.values()) == [
        'feature', 'context.stem', 'context.stages', 'context.down', 'context.hidden.0.0', 'context.hidden.1.0',
        'context.context.0.0', 'context.context.1.0']


def test_configs_of_the_slimmed_and_of_the_teaching_matcher() -> None:
    config = dict(refiner=dict(type='SelectiveRefiner', widths=dict(hidden=64)), released_layout=True, iterations=22,
                  upsampler=dict(type='ConvexUpsampler', widths='unpruned'), train_iterations=6)
    slimmed = TABLE.slimmed_config(config, dict(context=40, stem1=16))
    assert slimmed['refiner']['widths'] == {**UNPRUNED_WIDTHS, 'hidden': 64, 'context': 40, 'stem1': 16}
    assert slimmed['upsampler'] == dict(type='ConvexUpsampler') and not slimmed['released_layout']
    assert TABLE.teaching_config(config)['iterations'] == 6
    assert TABLE.teaching_config(dict(config, train_iterations=None))['iterations'] == 22


def test_widths_are_read_from_a_record(tmp_path: Any) -> None:
    record = tmp_path / 'pruned.json'
    record.write_text('{"widths": {"hidden": 20}}')
    assert resolve_widths(str(record)) == {**UNPRUNED_WIDTHS, 'hidden': 20}
    for text in ('{}', '[1', '{"widths": 3}'):
        record.write_text(text)
        with pytest.raises(ValueError, match='is no record of a pruning'):
            resolve_widths(str(record))
    with pytest.raises(FileNotFoundError, match='record of a pruning'):
        resolve_widths(str(tmp_path / 'other.json'))
