"""Fast-FoundationStereo (Wen et al., CVPR 2026) as NVIDIA released it: modules pickled whole, for ``StereoMatcher``.

The weights are for research and non-commercial use, by their own licence; nothing of them or of their code is here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor

from perception_kd.models.stereo.refine.widths import KERNELS
from perception_kd.models.stereo.released.filter_layers import Chain, placed, read_chain
from perception_kd.models.stereo.released.name_map import CONV, SHARED, Rule, rename
from perception_kd.models.stereo.released.pickled import Layer

BLOCKS = 'cost_filter.blocks'
HEADS = [Rule('cnet.conv04.0', 'context.hidden', CONV), Rule('cnet.conv04.1', 'context.context', CONV)]
NEVER_RUN = ('context_zqr_convs', 'stem_4', 'dx')
# Which parameter tells the width of a group (its first dimension, unless another is named).
_WIDTHS = dict(
    motion_volume1='refiner.motion.convc1', motion_volume2='refiner.motion.convc2',
    motion_disparity1='refiner.motion.convd1', motion_disparity2='refiner.motion.convd2', motion='refiner.motion.fuse',
    context='context.cam.fc.2', hidden='refiner.grus.0.small.convz', gru_input='refiner.grus.0.conv0',
    gru_joint='refiner.grus.0.conv1', head='refiner.disp_head.conv0',
    head_expand1='refiner.disp_head.blocks.0.mlp.fc1', head_expand2='refiner.disp_head.blocks.1.mlp.fc1',
    mask1='refiner.mask.conv0', mask2='refiner.mask.conv1', up_deconv='upsampler.deconv',
    stem1='upsampler.stem.0.conv', stem2='upsampler.stem.1.conv', up_conv='upsampler.conv')
_SECOND = ('up_deconv',)  # a transposed convolution has its output second


class Converted(NamedTuple):
    """A released model.

    Attributes:
        model: Config of its matcher.
        weights: Under our names.
    """

    model: dict
    weights: dict[str, Tensor]


class _Block(NamedTuple):
    config: dict
    rules: list[Rule]
    replaced: tuple[str, ...] = ()


def from_fast_foundation_stereo(root: Layer, who: str = 'Fast-FoundationStereo') -> Converted:
    """Config and weights of a released model.

    Raises:
        ValueError: the tree is of another model, or has layers that the matcher has not.
    """
    for path in ('feature', 'cost_agg', 'classifier', 'update_block'):
        if root.child(path) is None:
            raise ValueError(f'{who}: no {path} in the pickled {root.kind}; it is no released Fast-FoundationStereo')
    blocks = _blocks(root)
    rules = [*SHARED, *HEADS, *(rule for block in blocks.values() for rule in block.rules)]
    ignored = [*NEVER_RUN, *(path for block in blocks.values() for path in block.replaced)]
    theirs = root.state_dict()
    weights = rename(theirs, rules, ignored=ignored, who=who)
    model = _model(weights, {name: block.config for name, block in blocks.items()})
    if 'cv_group' in root.settings:
        model['cost_volume']['groups'] = root.settings['cv_group']
    if not (root.settings.get('args') or {}).get('normalize', True):
        model['cost_volume']['normalise'] = False
    return Converted(model, weights)


def _blocks(root: Layer) -> dict[str, _Block]:
    blocks = {'stem': _plain_block(root, 'stem', 'corr_stem', 'corr_feature_att')}
    for number, scale in enumerate((8, 16, 32), 1):
        blocks[f'down{scale}'] = _plain_block(root, f'down{scale}', f'cost_agg.conv{number}',
                                              f'cost_agg.feature_att_{scale}')
    blocks['up16'] = _up_block(root, 'up16', 'post32_to_16', 'conv3_up', ('agg_0', 'feature_att_up_16'))
    blocks['up8'] = _up_block(root, 'up8', 'post16_to_8', 'conv2_up', ('agg_1', 'feature_att_up_8'))
    blocks['up4'] = _last_up_block(root)
    blocks['classifier'] = _plain_block(root, 'classifier', 'classifier')
    return blocks


def _chain(root: Layer, place: str, *paths: str) -> Chain:
    return read_chain(placed(root, *paths), f'{BLOCKS}.{place}')


def _plain_block(root: Layer, name: str, *paths: str) -> _Block:
    chain = _chain(root, f'{name}.layers.layers', *paths)
    return _Block(dict(layers=chain.layers), chain.rules)


def _up_block(root: Layer, name: str, post: str, up: str, after: tuple[str, ...]) -> _Block:
    """The block that the search found, or else the teacher's, of which it leaves the layers in the file."""
    up, *after = (f'cost_agg.{path}' for path in (up, *after))
    if root.child(f'cost_agg.{post}') is None:
        return _merged(root, name, (up,), 'concat', after)
    return _searched(root, name, (), post, (up, *after))


def _last_up_block(root: Layer) -> _Block:
    """The searched layers stand behind the up-sampling, and their result is added to the volume of the stem."""
    up, patch, attention, after = (f'cost_agg.{path}' for path in ('conv1_up', 'conv_patch', 'atts.4', 'conv_out'))
    if root.child('cost_agg.post8_to_4') is not None:
        return _searched(root, 'up4', (up,), 'post8_to_4', (patch, 'cost_agg.atts', after))
    block = _merged(root, 'up4', (up,), 'sum', (after,))
    attended = [(patch, root.child(patch)), (attention, root.child(attention))]
    skip = read_chain(attended, f'{BLOCKS}.up4.skip_layers.layers')
    return _Block(dict(block.config, skip_layers=skip.layers), [*block.rules, *skip.rules])


def _searched(root: Layer, name: str, before: tuple[str, ...], post: str, replaced: tuple[str, ...]) -> _Block:
    path = f'cost_agg.{post}'
    merge = root.child(path).settings.get('op', 'sum')
    return _merged(root, name, (*before, f'{path}.upsample'), merge, (f'{path}.out',))._replace(replaced=replaced)


def _merged(root: Layer, name: str, before: tuple[str, ...], merge: str, after: tuple[str, ...]) -> _Block:
    layers = _chain(root, f'{name}.layers.layers', *before)
    rest = _chain(root, f'{name}.after.layers', *after)
    return _Block(dict(layers=layers.layers, merge=merge, after=rest.layers), [*layers.rules, *rest.rules])


def _model(weights: Mapping[str, Tensor], blocks: Mapping[str, dict]) -> dict:
    def shape(name: str) -> tuple[int, ...]:
        return tuple(weights[f'{name}.weight'].shape)

    try:
        widths = {name: shape(layer)[1 if name in _SECOND else 0] for name, layer in _WIDTHS.items()}
        kernels = {name: shape(_WIDTHS[name])[-1] for name in KERNELS if name in _WIDTHS}
        heads = dict(type='ContextHeads', squeeze_channels=shape('context.cam.fc.0')[0],
                     norm='batch' if 'context.hidden.norm.weight' in weights else 'none')
        features, compressed = shape('feature.conv4')[0], shape('cost_volume.compress')[0]
    except KeyError as error:
        raise ValueError(f'Fast-FoundationStereo: the file lacks {error.args[0]}') from error
    return dict(
        type='StereoMatcher', max_disp=192, iterations=8,
        feature=dict(type='StereoFeatureNet', backbone=dict(type='EdgeNeXt'), conv4='linear', out_channels_4=features),
        cost_volume=dict(type='HybridCostVolume', concat_channels=compressed),
        cost_filter=dict(type='CostFilter', blocks=dict(blocks)), context=heads,
        refiner=dict(type='SelectiveRefiner', widths=widths, kernels=kernels),
        upsampler=dict(type='ConvexUpsampler'), loss=dict(type='StereoSequenceLoss'))
