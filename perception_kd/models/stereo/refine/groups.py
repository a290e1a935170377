"""The channels of a matcher's refinement that can only be removed together: what pruning is told about stereo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from perception_kd.compress.prune.groups import ChannelGroup, Slot, made_by, read_by
from perception_kd.models.stereo.refine.refiner import COARSE, STRIDES
from perception_kd.models.stereo.refine.widths import resolve_widths
from perception_kd.registry import PRUNERS

MOTION, GRU, HEAD, MASK, UP = 'refiner.motion', 'refiner.grus', 'refiner.disp_head', 'refiner.mask', 'upsampler'


@PRUNERS.register_module()
class RefinementGroups:
    """Channel groups of a ``StereoMatcher``'s refinement: 18 with one level and two blocks in the disparity head.

    Fast-FoundationStereo (Wen et al., CVPR 2026): the channels of the state are one group, with whatever makes the
    first state, proposes a new one, or reads one, since every step hands them to the next (recurrent tie). Samples of
    the volume, the disparity itself, and what the heads say at last stay. Names are those of the widths.

    Three levels have one state's width for all levels and two groups more for each of the coarser recurrent units; a
    head with fewer blocks has fewer groups.
    """

    taps = {'motion': 'motion', **{f'hidden_s{stride}': 'hidden' for stride in STRIDES}}
    never_run = ('unused.',)

    def groups(self, model: nn.Module) -> list[ChannelGroup]:
        """The groups of a matcher."""
        return [*_motion(model), *_state(model), *_recurrent(model), *_head(model), *_upsampling(model)]

    def slimmed_config(self, config: Mapping[str, Any], widths: Mapping[str, int]) -> dict[str, Any]:
        """Config of the matcher of these widths; it has no layers that never run."""
        refiner = config['refiner']
        whole = resolve_widths(refiner.get('widths'), refiner.get('levels', 1))
        upsampler = {name: value for name, value in config['upsampler'].items() if name != 'widths'}
        return {**config, 'refiner': {**refiner, 'widths': {**whole, **widths}}, 'upsampler': upsampler,
                'released_layout': False}

    def teaching_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """Config of the matcher with as many iterations in use as in training."""
        return {**config, 'iterations': config.get('train_iterations') or config.get('iterations', 8)}


def _group(model: nn.Module, name: str, makers: tuple[str, ...], *consumers: tuple[Slot, ...],
           means: tuple[Slot, ...] = ()) -> ChannelGroup:
    producers = made_by(model, *makers)
    first = producers[0]
    size = model.get_parameter(first.name).shape[first.axis]
    return ChannelGroup(name, size, producers, sum(consumers, ()), means)


def _motion(model: nn.Module) -> Iterator[ChannelGroup]:
    """g1 to g5 of the table. Samples of the volume go in whole; behind the motion comes the disparity, which stays."""
    encoder = model.refiner.motion
    volume = encoder.convc2.out_channels
    for name, layer, after, start in (
            ('motion_volume1', 'convc1', 'convc2', 0), ('motion_volume2', 'convc2', 'fuse', 0),
            ('motion_disparity1', 'convd1', 'convd2', 0), ('motion_disparity2', 'convd2', 'fuse', volume)):
        yield _group(model, name, (f'{MOTION}.{layer}',), read_by(model, f'{MOTION}.{after}', start=start))
    yield _group(model, 'motion', (f'{MOTION}.fuse',), read_by(model, f'{GRU}.0.conv0', start=model.refiner.context))


def _state(model: nn.Module) -> Iterator[ChannelGroup]:
    """g6, the context, of whose channels the attention takes a mean; and g7, the state."""
    levels = range(len(model.refiner.grus))
    context, hidden = model.refiner.context, model.refiner.hidden
    yield _group(model, 'context', (*_last_layers(model, 'context'), 'context.cam.fc.2'),
                 read_by(model, 'context.cam.fc.0', *(f'{GRU}.{level}.conv0' for level in levels)),
                 means=(Slot('context.sam.samconv.weight', 1),))
    gates = [f'{GRU}.{level}.{size}.{gate}' for level in levels for size in ('small', 'large')
             for gate in ('convz', 'convr', 'convq')]
    consumers = [read_by(model, *(gate for gate in gates if gate.endswith('convq')), f'{HEAD}.conv0',
                         f'{MASK}.conv0')]
    for level in levels:
        unit = model.refiner.grus[level]
        consumers.append(read_by(model, f'{GRU}.{level}.conv1', start=unit.conv0.out_channels))
        seen = unit.conv0.in_channels  # context, then the finer state or the motion, then the coarser state
        if level:
            consumers.append(read_by(model, f'{GRU}.{level}.conv0', start=context))
        if level + 1 < len(levels):
            consumers.append(read_by(model, f'{GRU}.{level}.conv0', start=seen - hidden))
    yield _group(model, 'hidden', (*_last_layers(model, 'hidden'), *gates), *consumers)


def _last_layers(model: nn.Module, name: str) -> tuple[str, ...]:
    """What makes the maps of the context net: one layer, or the last one of each level's."""
    part = getattr(model.context, name)
    if not isinstance(part, nn.ModuleList):
        return (f'context.{name}',)
    return tuple(f'context.{name}.{level}.{len(head) - 1}' for level, head in enumerate(part))


def _recurrent(model: nn.Module) -> Iterator[ChannelGroup]:
    """g8 and g9, of each level."""
    for level, name in enumerate(('gru', *COARSE)[:len(model.refiner.grus)]):
        unit = f'{GRU}.{level}'
        proposals = (f'{unit}.{size}.convq' for size in ('small', 'large'))
        gates = (f'{unit}.{size}.{gate}' for size in ('small', 'large') for gate in ('convz', 'convr'))
        yield _group(model, f'{name}_input', (f'{unit}.conv0',), read_by(model, f'{unit}.conv1'),
                     read_by(model, *proposals, start=model.refiner.hidden))
        yield _group(model, f'{name}_joint', (f'{unit}.conv1',), read_by(model, *gates))


def _head(model: nn.Module) -> Iterator[ChannelGroup]:
    """g10 to g12: the stream through all blocks of the disparity head, and the inside of each block."""
    blocks = [f'{HEAD}.blocks.{number}' for number in range(len(model.refiner.disp_head.blocks))]
    makers = (f'{block}.{part}' for block in blocks for part in ('conv_dw', 'mlp.fc2', 'gamma'))
    yield _group(model, 'head', (f'{HEAD}.conv0', *makers),
                 read_by(model, *(f'{block}.mlp.fc1' for block in blocks), f'{HEAD}.out'))
    for number, block in enumerate(blocks, start=1):
        yield _group(model, f'head_expand{number}', (f'{block}.mlp.fc1',), read_by(model, f'{block}.mlp.fc2'))


def _upsampling(model: nn.Module) -> Iterator[ChannelGroup]:
    """g13 to g18. The up-sampler's nine weights stay."""
    deconv = model.upsampler.deconv.out_channels
    for name, layer, after, start in (
            ('mask1', f'{MASK}.conv0', f'{MASK}.conv1', 0), ('mask2', f'{MASK}.conv1', f'{UP}.deconv', 0),
            ('up_deconv', f'{UP}.deconv', f'{UP}.conv', 0), ('stem1', f'{UP}.stem.0', f'{UP}.stem.1.conv', 0),
            ('stem2', f'{UP}.stem.1', f'{UP}.conv', deconv), ('up_conv', f'{UP}.conv', f'{UP}.out', 0)):
        yield _group(model, name, (layer,), read_by(model, after, start=start))
