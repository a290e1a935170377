"""Connectors against hand calculations."""

import pytest
import torch
from torch import nn

from perception_kd.distill.connectors import (
    BEVResample,
    Chain,
    ChannelPart,
    Conv1x1,
    DistillAdaptor,
    Identity,
    build_connector,
)
from perception_kd.structures import BEVGrid, TapSpec
from tests.distill.toys import GRID


def ramp(grid: BEVGrid) -> torch.Tensor:
    """``2x - 3y + 1`` at the cell centres."""
    centres = grid.centres()
    return (2 * centres[..., 0] - 3 * centres[..., 1] + 1)[None, None]


@pytest.mark.parametrize('target', [BEVGrid(-2.4, -2.4, 2.4, 2.4, 0.3), BEVGrid(-1.6, 0.0, 1.6, 2.4, 1.6 / 2),
                                    BEVGrid(-1.3, -1.1, 0.7, 0.9, 0.5)])
def test_resampling_a_ramp_gives_the_ramp_at_the_new_centres(target):
    out = BEVResample(source=GRID, target=target)(ramp(GRID))
    torch.testing.assert_close(out, ramp(target), atol=1e-4, rtol=1e-4)


def test_resampling_to_the_same_grid_is_the_identity_with_its_gradient():
    value = torch.randn(2, 3, 8, 8, requires_grad=True)
    out = BEVResample(source=GRID, target=GRID)(value)
    torch.testing.assert_close(out, value, atol=1e-5, rtol=1e-5)
    weights = torch.randn_like(out)
    (out * weights).sum().backward()
    torch.testing.assert_close(value.grad, weights, atol=1e-5, rtol=1e-5)


def test_area_averages_blocks_and_needs_nested_grids():
    value = torch.arange(64.0).view(1, 1, 8, 8)
    out = BEVResample(source=GRID, target=GRID.coarser(2), mode='area')(value)
    assert out[0, 0, 0, 0] == (0 + 1 + 8 + 9) / 4
    with pytest.raises(ValueError, match='same area and whole blocks'):
        BEVResample(source=GRID, target=BEVGrid(0, 0, 3.2, 3.2, 1.6), mode='area')
    with pytest.raises(ValueError, match="'sharp'"):
        BEVResample(source=GRID, target=GRID, mode='sharp')


def test_cells_outside_the_source_are_zero_and_marked():
    link = BEVResample(source=GRID, target=BEVGrid(0.0, -3.2, 6.4, 3.2, 0.8))
    assert link.inside().shape == (1, 1, 8, 8)
    assert link.inside()[0, 0, 0].tolist() == [1, 1, 1, 1, 0, 0, 0, 0]
    assert not link(torch.ones(1, 1, 8, 8))[..., 4:].any()
    assert BEVResample(source=GRID, target=GRID).inside() is None


def test_resampling_buffers_are_not_saved():
    assert not BEVResample(source=GRID, target=GRID).state_dict()


def test_a_projection_may_be_left_out_where_channels_are_equal():
    value = torch.randn(2, 3, 4, 5)
    kept = Conv1x1(in_channels=3, out_channels=3, skip_equal=True)
    assert kept(value) is value and not list(kept.parameters())
    assert [tuple(Conv1x1(in_channels=3, out_channels=out, skip_equal=skip).conv.weight.shape)
            for out, skip in ((3, False), (4, True))] == [(3, 3, 1, 1), (4, 3, 1, 1)]


def test_adaptor_follows_its_formula():
    torch.manual_seed(0)
    adaptor = DistillAdaptor(in_channels=3, out_channels=5).eval()
    value = torch.randn(2, 3, 6, 6)
    padded = nn.functional.pad(value, (1, 1, 1, 1), mode='replicate')
    scale = (1 + 1e-5) ** -0.5
    stem = torch.relu(nn.functional.conv2d(padded, adaptor.reduce[0].weight) * scale)
    inner = torch.relu(nn.functional.conv2d(stem, adaptor.first[0].weight, padding=1) * scale)
    expected = stem + nn.functional.conv2d(inner, adaptor.second[0].weight, padding=1) * scale
    torch.testing.assert_close(adaptor(value), torch.relu(expected), atol=1e-5, rtol=1e-5)
    adaptor.activate = False
    torch.testing.assert_close(adaptor(value), expected, atol=1e-5, rtol=1e-5)


def test_channel_counts_are_filled_in_from_the_declarations():
    ours, theirs = TapSpec('a', 'bev', 4, '', grid=GRID), TapSpec('b', 'bev', 6, '', grid=GRID.coarser(2))
    chain = build_connector([dict(type='BEVResample', mode='area'), dict(type='DistillAdaptor')], ours, theirs)
    assert isinstance(chain, Chain) and chain.inside() is None
    assert chain(torch.randn(2, 4, 8, 8)).shape == (2, 6, 4, 4)
    result = chain.result(ours)
    assert (result.channels, result.grid) == (6, GRID.coarser(2))
    assert isinstance(build_connector(None, ours, theirs), Identity)
    assert build_connector(dict(type='Conv1x1', out_channels=9), ours, theirs).out_channels == 9
    ready = Conv1x1(in_channels=1, out_channels=2)
    assert build_connector(ready, ours, theirs) is ready


@pytest.mark.parametrize(('channels', 'expected'), [(128, [42, 42, 44]), (160, [53, 53, 54]), (9, [3, 3, 3])])
def test_thirds_share_out_all_channels(channels, expected):
    value = torch.randn(2, channels, 4, 4)
    parts = [ChannelPart(in_channels=channels, part=part)(value) for part in range(3)]
    assert [part.shape[1] for part in parts] == expected
    assert torch.equal(torch.cat(parts, dim=1), value)
    with pytest.raises(ValueError, match='no part 3 of 3'):
        ChannelPart(in_channels=channels, part=3)


def test_a_part_leaves_the_other_channels_free():
    ours, theirs = TapSpec('a', 'bev', 9, '', grid=GRID), TapSpec('b', 'bev', 6, '', grid=GRID)
    chain = build_connector([dict(type='ChannelPart', part=1), [dict(type='DistillAdaptor')]], ours, theirs)
    value = torch.randn(2, 9, 8, 8, requires_grad=True)
    chain(value).square().sum().backward()
    touched = value.grad.abs().sum(dim=(0, 2, 3)) > 0
    assert touched.tolist() == [False] * 3 + [True] * 3 + [False] * 3


def test_connectors_say_what_they_cannot_join():
    head, vector = TapSpec('h', 'head', 2, ''), TapSpec('v', 'vector', 2, '')
    with pytest.raises(ValueError, match=r'Conv1x1 needs two maps.*h \(head'):
        build_connector(dict(type='Conv1x1'), head, head)
    with pytest.raises(ValueError, match='BEVResample needs a BEV map'):
        build_connector(dict(type='BEVResample'), vector, vector)
