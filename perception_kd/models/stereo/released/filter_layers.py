"""Layers of a released cost filter, read off the module tree: as dicts of our layers, and by what rule they are named.

The blockwise search of Fast-FoundationStereo left other layers in every member of the family, so that only the file
itself says which they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from perception_kd.models.stereo.released.name_map import AXIAL, BASIC, ENCODER, GATE, RESIDUAL, Rule
from perception_kd.models.stereo.released.pickled import Layer

TRANSFORMER = 'CostVolumeDisparityAttention'
SILENT = ('Identity', 'Upsample', 'Dropout')
CHAINS = {'Sequential': '', 'ModuleList': '', 'ForwardHelper': 'layers'}
Placed = tuple[str, Layer]


class Chain(NamedTuple):
    """Layers one after another.

    Attributes:
        layers: Dicts for ``LayerChain``.
        rules: Of their names, ours below ``place``.
    """

    layers: list[dict]
    rules: list[Rule]


def placed(root: Layer, *paths: str) -> list[Placed]:
    """The layers at ``paths`` with their names: those of a chain one by one, none for what is silent or not there."""
    found: list[Placed] = []
    for path in paths:
        layer = root.child(path)
        if layer is None or layer.kind in SILENT:
            continue
        if layer.kind in CHAINS:
            inner = '.'.join(part for part in (path, CHAINS[layer.kind]) if part)
            below = root.child(inner)
            found += placed(root, *(f'{inner}.{name}' for name in (below.children if below else ())))
        else:
            found.append((path, layer))
    return found


def read_chain(layers: Sequence[Placed], place: str) -> Chain:
    """Our layers below ``place``.

    Raises:
        ValueError: a layer of a kind or of a shape that the cost filter has not.
    """
    found, rules = [], []
    rest = list(layers)
    while rest:
        path, layer = rest.pop(0)
        target = f'{place}.{len(found)}'
        if rest and rest[0][1].kind == TRANSFORMER:
            inner, attention = rest.pop(0)
            found.append(_transformer(path, layer, attention))
            rules += [Rule(f'{path}.conv', f'{target}.embed.0'), Rule(f'{path}.bn', f'{target}.embed.1'),
                      Rule(f'{path}.0', f'{target}.embed.0'), Rule(f'{path}.1', f'{target}.embed.1'),
                      Rule(f'{inner}.sa.#', f'{target}.layers.#', ENCODER)]
            continue
        if layer.kind not in _READERS:
            raise ValueError(f'{path}: a {layer.kind} is no layer of a cost filter; there are {", ".join(_READERS)}')
        read, parts, below = _READERS[layer.kind]
        found.append(read(path, layer))
        rules.append(Rule(path, target + below, parts))
    return Chain(found, rules)


def _basic(path: str, layer: Layer) -> dict:
    conv, norm = layer.children['conv'], layer.children.get('bn', Layer('Identity'))
    act = 'leaky' if rectified(path, layer) else None
    if conv.kind == 'ConvTranspose3d':
        side, stride = _one(path, conv, 'kernel_size'), _one(path, conv, 'stride')
        _check(path, conv, padding=(side - 1) // 2 if side > stride else 0)
        return dict(type='deconv', channels=conv.settings['out_channels'], kernel=side, stride=stride, act=act)
    return dict(_convolution(path, conv), norm=norm.kind != 'Identity', act=act)


def _convolution(path: str, conv: Layer) -> dict:
    side, stride = _one(path, conv, 'kernel_size'), _one(path, conv, 'stride')
    _check(path, conv, padding=max(0, side - stride + 1) // 2)
    return dict(type='conv', channels=conv.settings['out_channels'], kernel=side, stride=stride,
                groups=conv.settings.get('groups', 1))


def _plain(path: str, layer: Layer) -> dict:
    return dict(_convolution(path, layer), norm=False, act=None)


def _axial(path: str, layer: Layer) -> dict:
    plane, axis = (layer.child(f'{part}.0') for part in ('conv1', 'conv2'))
    return dict(type='apc', hidden=plane.settings['out_channels'], channels=axis.settings['out_channels'],
                planar=plane.settings['kernel_size'][-1], axial=axis.settings['kernel_size'][0])


def _residual(path: str, layer: Layer) -> dict:
    conv = layer.children['conv1']
    return dict(type='residual', channels=conv.settings['out_channels'], kernel=_one(path, conv, 'kernel_size'))


def _gate(path: str, layer: Layer) -> dict:
    return dict(type='excite', hidden=layer.child('feat_att.0.conv').settings['out_channels'])


def _transformer(path: str, patch: Layer, attention: Layer) -> dict:
    conv = patch.children.get('conv') or patch.children.get('0')
    stack = attention.children['sa'].children
    first = stack['0']
    return dict(type='transformer', patch=_one(path, conv, 'stride'), patch_groups=conv.settings.get('groups', 1),
                patch_bias='bias' in conv.tensors, patch_act=patch.kind == 'BasicConv' and rectified(path, patch),
                layers=len(stack),
                heads=first.child('self_attn').settings['num_heads'],
                ffn=first.child('linear1').settings['out_features'], attn_layout='compat')


# How a kind is read, how its parts are called, and what comes between the place and them.
_READERS = {'BasicConv': (_basic, BASIC, ''), 'Conv3d': (_plain, None, '.0'),
            'Conv3dNormActReduced': (_axial, AXIAL, ''), 'ResnetBasicBlock3D': (_residual, RESIDUAL, ''),
            'FeatureAtt': (_gate, GATE, '')}


def rectified(path: str, layer: Layer) -> bool:
    """Whether a leaky ReLU follows in a ``BasicConv``, which older files say by a flag.

    Raises:
        ValueError: another activation follows.
    """
    own = layer.children.get('relu')
    if own is None:
        return bool(layer.settings.get('relu', True))
    if own.kind not in ('Identity', 'LeakyReLU') or own.settings.get('negative_slope', 0.01) != 0.01:
        raise ValueError(f'{path}.relu: a {own.kind}, where a layer here has a LeakyReLU of slope 0.01 or nothing')
    return own.kind == 'LeakyReLU'


def _one(path: str, conv: Layer, name: str) -> int:
    sides = conv.settings[name]
    sides = {sides} if isinstance(sides, int) else set(sides)
    if len(sides) != 1:
        raise ValueError(f'{path}: {name} {sorted(sides)} differs from side to side, which no layer here has')
    return sides.pop()


def _check(path: str, conv: Layer, *, padding: int) -> None:
    if _one(path, conv, 'padding') != padding:
        raise ValueError(f'{path}: a padding of {conv.settings["padding"]}, where a layer here has {padding}')
