"""Released FoundationStereo weights: every name finds its place, shapes and roles included."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from perception_kd.models.stereo.mono.depth_anything import SIZES
from perception_kd.models.stereo.released import Converted, foundation_model, from_foundation_stereo
from perception_kd.models.stereo.released.convert import check_fit
from tests.models.stereo.released.foundation_names import foundation_stereo

CONFIGS = Path(__file__).parents[4] / 'configs'
# Layers of one shape, which no strict load tells apart.
ROLES = {
    'update_block.gru08.small_gru.convz.weight': 'refiner.grus.1.small.convz.weight',
    'update_block.gru04.large_gru.convr.bias': 'refiner.grus.0.large.convr.bias',
    'update_block.gru04.large_gru.convq.weight': 'refiner.grus.0.large.convq.weight',
    'update_block.disp_head.conv.3.pwconv2.bias': 'refiner.disp_head.blocks.1.mlp.fc2.bias',
    'update_block.disp_head.conv.2.dwconv.weight': 'refiner.disp_head.blocks.0.conv_dw.weight',
    'cost_agg.atts.4.sa.2.self_attn.q_proj.weight': 'cost_filter.blocks.up4.skip_layers.layers.0.layers.2.query.weight',
    'cost_agg.atts.4.sa.2.self_attn.k_proj.weight': 'cost_filter.blocks.up4.skip_layers.layers.0.layers.2.key.weight',
    'cost_agg.atts.4.sa.3.self_attn.v_proj.bias': 'cost_filter.blocks.up4.skip_layers.layers.0.layers.3.value.bias',
    'cost_agg.atts.4.sa.1.linear1.weight':
        'cost_filter.blocks.up4.skip_layers.layers.0.layers.1.feed_forward.0.weight',
    'cost_agg.atts.4.sa.1.linear2.weight':
        'cost_filter.blocks.up4.skip_layers.layers.0.layers.1.feed_forward.3.weight',
    'cost_agg.agg_1.2.conv1.0.weight': 'cost_filter.blocks.up8.after.layers.2.0.0.weight',
    'cost_agg.conv_out.1.conv2.1.running_var': 'cost_filter.blocks.up4.after.layers.1.1.1.running_var',
    'corr_stem.3.bn2.weight': 'cost_filter.blocks.stem.layers.layers.3.conv2.1.weight',
    'cnet.outputs04.0.1.weight': 'context.hidden.0.1.weight',
    'cnet.outputs08.1.1.weight': 'context.context.1.1.weight',
    'cnet.outputs16.0.bias': 'context.hidden.2.0.bias',
    'cnet.layer2.1.norm2.weight': 'context.stages.1.1.norm2.weight',
    'cnet.layer5.0.downsample.0.weight': 'context.down.1.0.shortcut.0.weight',
    'feature.deconv16_8.conv2.conv2.weight': 'feature.join8.join.conv2.conv.weight',
}


def released(size: str) -> dict[str, torch.Tensor]:
    known = SIZES[size]
    shapes = foundation_stereo(known.channels, known.depth, known.levels, known.width)
    return {name: torch.empty(shape, device='meta') for name, shape in shapes.items()}


@pytest.mark.parametrize('size', ['large', 'small'])
def test_every_name_finds_its_place(size: str) -> None:
    weights = from_foundation_stereo(released(size))
    model = foundation_model(weights)
    report = check_fit(Converted(model, weights), 'released')
    assert len(report.matched) == len(weights) and not report.excused
    if size == 'large':  # 374.5 M in the table of Fast-FoundationStereo's paper
        counted = sum(value.numel() for name, value in weights.items()
                      if not name.endswith(('running_mean', 'running_var', 'num_batches_tracked')))
        assert counted / 1e6 == pytest.approx(374.5, abs=0.05)
    assert model['prior']['net']['size'] == size
    assert model['cost_filter']['blocks']['attn_layout'] == 'bhld'


def test_the_model_is_that_of_the_configs() -> None:
    theirs = foundation_model(from_foundation_stereo(released('large')))
    ours = Config.fromfile(CONFIGS / '_base_/models/stereo_paper.py').teacher
    for part in ('feature', 'cost_volume', 'context', 'refiner', 'upsampler', 'released_layout'):
        assert theirs[part] == ours[part], part


def test_roles_of_layers_of_one_shape() -> None:
    weights = {name: torch.full((2,), float(index)) for index, name in enumerate(ROLES)}
    assert {name: float(value[0]) for name, value in from_foundation_stereo(weights).items()} == {
        ours: float(index) for index, ours in enumerate(ROLES.values())}


def test_says_what_does_not_fit() -> None:
    weights = released('small')
    with pytest.raises(ValueError, match=r'file\.pth: 1 of 2 names are not those of the released model: other\.weight'):
        from_foundation_stereo({'other.weight': torch.zeros(1), 'cam.fc.0.weight': torch.zeros(1)}, who='file.pth')
    twice = {'cnet.layer2.0.norm3.weight': torch.zeros(3), 'cnet.layer2.0.downsample.1.weight': torch.ones(3)}
    with pytest.raises(ValueError, match='differs from another parameter'):
        from_foundation_stereo(twice)
    del weights['cam.fc.0.weight']
    weights['proj_cmb.bias'] = torch.empty(7, device='meta')
    weights = from_foundation_stereo(weights)
    with pytest.raises(ValueError, match=r'1 missing \(context\.cam.*1 misshapen \(cost_volume\.compress\.bias\)'):
        check_fit(Converted(foundation_model(weights), weights), 'file.pth')
    del weights['prior.net.pretrained.pos_embed']
    with pytest.raises(ValueError, match='no DepthAnythingV2 of small, base, large size'):
        foundation_model(weights)
