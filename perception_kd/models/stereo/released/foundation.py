"""Weights of FoundationStereo (Wen et al., CVPR 2025) as NVIDIA released them, for :class:`StereoMatcher`.

The weights are for research and non-commercial use, by their own licence; nothing of them or of their code is here.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from perception_kd.models.stereo.mono.depth_anything import SIZES
from perception_kd.models.stereo.released.name_map import (
    AXIAL,
    BASIC,
    CONV,
    ENCODER,
    GATE,
    RESIDUAL,
    SHARED,
    UNIT,
    Rule,
    rename,
)

POSITIONS = 'prior.net.pretrained.pos_embed'


def _in_filter(block: str, layer: str) -> str:
    return f'cost_filter.blocks.{block}.{layer}'


def _down(number: int, scale: int) -> list[Rule]:
    block = f'down{scale}'
    return [Rule(f'cost_agg.conv{number}.0', _in_filter(block, 'layers.layers.0'), BASIC),
            Rule(f'cost_agg.conv{number}.1', _in_filter(block, 'layers.layers.1'), AXIAL),
            Rule(f'cost_agg.feature_att_{scale}', _in_filter(block, 'layers.layers.2'), GATE)]


def _up(number: int, place: int, scale: int) -> list[Rule]:
    after = _in_filter(f'up{scale}', 'after.layers')
    return [Rule(f'cost_agg.conv{number}_up', _in_filter(f'up{scale}', 'layers.layers.0'), BASIC),
            Rule(f'cost_agg.agg_{place}.0', f'{after}.0', BASIC),
            Rule(f'cost_agg.agg_{place}.1', f'{after}.1', AXIAL),
            Rule(f'cost_agg.agg_{place}.2', f'{after}.2', AXIAL),
            Rule(f'cost_agg.feature_att_up_{scale}', f'{after}.3', GATE)]


STEM = [
    Rule('corr_stem.0', _in_filter('stem', 'layers.layers.0.0')),
    Rule('corr_stem.1', _in_filter('stem', 'layers.layers.1'), BASIC),
    Rule('corr_stem.2', _in_filter('stem', 'layers.layers.2'), RESIDUAL),
    Rule('corr_stem.3', _in_filter('stem', 'layers.layers.3'), RESIDUAL),
    Rule('corr_feature_att', _in_filter('stem', 'layers.layers.4'), GATE),
]
FILTER = [
    *STEM, *_down(1, 8), *_down(2, 16), *_down(3, 32), *_up(3, 0, 16), *_up(2, 1, 8),
    Rule('cost_agg.conv1_up', _in_filter('up4', 'layers.layers.0'), BASIC),
    Rule('cost_agg.conv_patch', _in_filter('up4', 'skip_layers.layers.0.embed')),
    Rule('cost_agg.atts.4.sa.#', _in_filter('up4', 'skip_layers.layers.0.layers.#'), ENCODER),
    Rule('cost_agg.conv_out.#', _in_filter('up4', 'after.layers.#'), AXIAL),
    Rule('classifier.0', _in_filter('classifier', 'layers.layers.0'), BASIC),
    Rule('classifier.1', _in_filter('classifier', 'layers.layers.1'), RESIDUAL),
    Rule('classifier.2', _in_filter('classifier', 'layers.layers.2.0')),
]
CONTEXT = [
    Rule('cnet.conv1', 'context.stem.0'),
    Rule('cnet.norm1', 'context.stem.1'),
    *(Rule(f'cnet.layer{number}.#', f'context.stages.{number - 1}.#', UNIT) for number in (1, 2, 3)),
    Rule('cnet.layer4.#', 'context.down.0.#', UNIT),
    Rule('cnet.layer5.#', 'context.down.1.#', UNIT),
    Rule('cnet.conv2', 'context.fuse', CONV),
    *(rule for place, kind in enumerate(('hidden', 'context')) for rule in (
        Rule(f'cnet.outputs04.{place}.0', f'context.{kind}.0.0', UNIT),
        Rule(f'cnet.outputs04.{place}.1', f'context.{kind}.0.1'),
        Rule(f'cnet.outputs08.{place}.0', f'context.{kind}.1.0', UNIT),
        Rule(f'cnet.outputs08.{place}.1', f'context.{kind}.1.1'),
        Rule(f'cnet.outputs16.{place}', f'context.{kind}.2.0'))),
]
UNUSED = [  # never run, there and here
    Rule('cnet.down', 'context.unused.down'),
    Rule('cnet.norm', 'context.unused.norm'),
    Rule('context_zqr_convs.#', 'unused.context_gates.#'),
    Rule('stem_4.0.conv', 'unused.stem_4.0'),
    Rule('stem_4.1', 'unused.stem_4.1'),
]
PRIOR = [Rule('feature.dino.depth_anything', 'prior.net')]
RULES = [*PRIOR, *SHARED, *FILTER, *CONTEXT, *UNUSED]


def from_foundation_stereo(weights: Mapping[str, Tensor], who: str = 'FoundationStereo') -> dict[str, Tensor]:
    """Weights of a released FoundationStereo under the names of ``StereoMatcher(released_layout=True)``.

    Raises:
        ValueError: the weights are of another model.
    """
    return rename(weights, RULES, who=who)


def foundation_model(weights: Mapping[str, Tensor], who: str = 'FoundationStereo') -> dict:
    """Config of the matcher that converted ``weights`` fit, which is the paper's but for the size of its prior.

    The released weights of February 2025 were trained with attention over disparities (``attn_layout='bhld'``); that
    of code published later is not theirs.

    Raises:
        ValueError: a prior of no public size.
    """
    table = weights.get(POSITIONS)
    sizes = {settings.channels: name for name, settings in SIZES.items()}
    if table is None or table.shape[-1] not in sizes:
        raise ValueError(f'{who}: holds no DepthAnythingV2 of {", ".join(SIZES)} size')
    return dict(
        type='StereoMatcher', max_disp=416, iterations=32,
        prior=dict(type='FrozenPrior', net=dict(type='DepthAnythingV2', size=sizes[table.shape[-1]]), prefix='',
                   allow_random=True),
        feature=dict(type='StereoFeatureNet', backbone=dict(type='EdgeNeXt')),
        cost_volume=dict(type='HybridCostVolume'),
        cost_filter=dict(type='CostFilter', blocks=dict(preset='teacher', attn_layout='bhld')),
        context=dict(type='ContextNet', unused_layers=True),
        refiner=dict(type='SelectiveRefiner', levels=3, kernels=dict(motion=3)),
        upsampler=dict(type='ConvexUpsampler'), loss=dict(type='StereoSequenceLoss'), released_layout=True)
