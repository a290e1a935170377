"""Names of parameters in released checkpoints -> names in our modules, by a table; nothing may be left over."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

# How the parts of a layer are called there and here.
CONV = {'weight': 'weight', 'bias': 'bias', 'conv': 'conv', 'bn': 'norm'}  # of two dimensions
BASIC = {'conv': '0', 'bn': '1'}
AXIAL = {'conv1.0': '0.0', 'conv1.1': '0.1', 'conv2.0': '1.0', 'conv2.1': '1.1'}
RESIDUAL = {'conv1': 'conv1.0', 'bn1': 'conv1.1', 'conv2': 'conv2.0', 'bn2': 'conv2.1'}
GATE = {'feat_att.0.conv': 'gate.0', 'feat_att.0.bn': 'gate.1', 'feat_att.1': 'gate.3'}
ENCODER = {'self_attn.q_proj': 'query', 'self_attn.k_proj': 'key', 'self_attn.v_proj': 'value',
           'self_attn.out_proj': 'out', 'linear1': 'feed_forward.0', 'linear2': 'feed_forward.3', 'norm1': 'norm1',
           'norm2': 'norm2'}
UNIT = {'conv1': 'conv1', 'norm1': 'norm1', 'conv2': 'conv2', 'norm2': 'norm2', 'downsample': 'shortcut',
        'norm3': 'shortcut.1'}  # norm3 is downsample.1 under a second name
_JOIN = {'conv1.conv': 'up.0', 'conv2.conv1': 'join.conv1.conv', 'conv2.conv2': 'join.conv2.conv'}
_GRU = {'conv0.0': 'conv0', 'conv1.0': 'conv1', 'small_gru': 'small', 'large_gru': 'large'}
_HEAD = {'dwconv': 'conv_dw', 'pwconv1': 'mlp.fc1', 'pwconv2': 'mlp.fc2', 'gamma': 'gamma'}
_MOTION = {'convc1': 'convc1', 'convc2': 'convc2', 'convd1': 'convd1', 'convd2': 'convd2', 'conv': 'fuse'}


class Rule(NamedTuple):
    """A layer there, the same here, and how its parts are called (None: alike).

    ``#`` stands for a number that both share, once at most.
    """

    theirs: str
    ours: str
    parts: Mapping[str, str] | None = None


# What teacher and student have in common.
SHARED = [
    Rule('feature.stem', 'feature.backbone.stem'),
    Rule('feature.stages', 'feature.backbone.stages'),
    Rule('feature.deconv32_16', 'feature.join16', _JOIN),
    Rule('feature.deconv16_8', 'feature.join8', _JOIN),
    Rule('feature.deconv8_4', 'feature.join4', _JOIN),
    Rule('feature.conv4', 'feature.conv4'),
    Rule('proj_cmb', 'cost_volume.compress'),
    Rule('cam', 'context.cam'),
    Rule('sam', 'context.sam'),
    Rule('update_block.encoder', 'refiner.motion', _MOTION),
    Rule('update_block.gru04', 'refiner.grus.0', _GRU),
    Rule('update_block.gru08', 'refiner.grus.1', _GRU),
    Rule('update_block.gru16', 'refiner.grus.2', _GRU),
    Rule('update_block.disp_head.conv.0', 'refiner.disp_head.conv0'),
    Rule('update_block.disp_head.conv.2', 'refiner.disp_head.blocks.0', _HEAD),
    Rule('update_block.disp_head.conv.3', 'refiner.disp_head.blocks.1', _HEAD),
    Rule('update_block.disp_head.conv.4', 'refiner.disp_head.out'),
    Rule('update_block.mask.0', 'refiner.mask.conv0'),
    Rule('update_block.mask.2', 'refiner.mask.conv1'),
    Rule('stem_2.0.conv', 'upsampler.stem.0.conv'),
    Rule('stem_2.1', 'upsampler.stem.1.conv'),
    Rule('spx_2_gru.conv1.conv', 'upsampler.deconv'),
    Rule('spx_2_gru.conv2.conv', 'upsampler.conv'),
    Rule('spx_gru.0', 'upsampler.out'),
]


def our_name(name: str, rules: Iterable[Rule]) -> str | None:
    """The name here of one there; None where no rule speaks of it."""
    for rule in rules:
        found = re.match(rf'{re.escape(rule.theirs)}\.'.replace(r'\#', r'(\d+)'), name)
        if found is None:
            continue
        layer, rest = rule.ours.replace('#', ''.join(found.groups())), name[found.end():]
        if rule.parts is None:
            return f'{layer}.{rest}'
        for theirs, ours in rule.parts.items():
            if rest == theirs or rest.startswith(f'{theirs}.'):
                return f'{layer}.{ours}{rest[len(theirs):]}'
    return None


def rename(weights: Mapping[str, Tensor], rules: Sequence[Rule], *, ignored: Sequence[str] = (),
           who: str = 'checkpoint') -> dict[str, Tensor]:
    """Weights under our names.

    Args:
        weights: Under their names.
        rules: The first that speaks of a name counts.
        ignored: Beginnings of names of layers that their forward pass never runs.
        who: For messages.

    Raises:
        ValueError: names that no rule speaks of, or two that become one and differ in value.
    """
    renamed: dict[str, Tensor] = {}
    unknown = []
    for name, value in weights.items():
        if any(name == prefix or name.startswith(f'{prefix}.') for prefix in ignored):
            continue
        ours = our_name(name, rules)
        if ours is None:
            unknown.append(name)
        elif ours in renamed and not _same(renamed[ours], value):
            raise ValueError(f'{who}: {name} differs from another parameter that is {ours} here, too')
        else:
            renamed[ours] = value
    if unknown:
        raise ValueError(f'{who}: {len(unknown)} of {len(weights)} names are not those of the released model: '
                         f'{", ".join(sorted(unknown)[:5])}{", ..." if len(unknown) > 5 else ""}')
    return renamed


def _same(first: Tensor, second: Tensor) -> bool:
    return first.shape == second.shape and (first.is_meta or torch.equal(first, second))
