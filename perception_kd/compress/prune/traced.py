"""Pruning of any convolutional model by tracing its parts: groups, importance and slimming are Torch-Pruning's."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import torch
from mmengine.config import Config
from torch import nn
from torch.utils._pytree import tree_leaves

from perception_kd.benchmark.flops import count_flops
from perception_kd.compress.prune.channel_graph import ChannelGraph, Removed
from perception_kd.compress.prune.groups import ChannelGroup, Slot
from perception_kd.compress.prune.parts import Parts, record_calls
from perception_kd.compress.prune.pruner import Pruned, Pruner, counted_batches, training_batches
from perception_kd.compress.prune.rank import rank_channels
from perception_kd.compress.prune.taylor import collect_gradients
from perception_kd.compress.search.block_taps import module_at
from perception_kd.distill.taps import TapRecorder
from perception_kd.export.student import student_config
from perception_kd.models.slimmed import KEY, channels_of, widths_of
from perception_kd.registry import MODELS, PRUNERS

TOLERANCE = 1e-4  # of the largest value: two sums of the same numbers in another order


@PRUNERS.register_module()
class TracedPruning(Pruner):
    """Prunes parts of a model without recurrent ties: backbones, necks, trunks, heads.

    A part runs on what it is given in a forward pass of the model, and autograd's graph of that tells which channels
    can only go together (Fang et al., CVPR 2023): through sums, concatenations, products, up-sampling and channel
    attention. What goes in and out of a part keeps its width, and so does, with ``joint='keep'``, what is averaged or
    normalised over channels; the slimmed model then equals the masked one, which is checked on a training batch before
    anything is written.

    Args:
        parts: Paths of modules; a list among them is a chain, whose members hand tensors on to each other alone:
            ``[['image_backbone', 'image_neck'], 'trunk']``.
        ratio: Part of the channels that may go which goes.
        importance: ``taylor``: by gradients of the training loss over ``batches``; ``magnitude``: by weights alone.
        batches: Of the training loader.
        round_to, min_keep: See :func:`~perception_kd.compress.prune.rank.rank_channels`.
        keep: Paths of modules whose outputs keep their channels, with all inside of them.
        joint: ``keep`` or ``prune`` channels that are read all together; the latter changes what is read.

    Raises:
        ValueError: settings that say nothing.
    """

    def __init__(self, *, parts: Sequence[str | Sequence[str]], ratio: float = 0.5,
                 importance: Literal['taylor', 'magnitude'] = 'taylor', batches: int = 8, round_to: int = 4,
                 min_keep: int = 8, keep: Sequence[str] = (), joint: Literal['keep', 'prune'] = 'keep') -> None:
        super().__init__(ratio=ratio)
        self.chains = [[part] if isinstance(part, str) else list(part) for part in parts]
        paths = [path for chain in self.chains for path in chain]
        inside = [(one, other) for one in paths for other in paths if one.startswith(f'{other}.')]
        if not paths or len(set(paths)) < len(paths) or inside:
            raise ValueError(f'prune.parts names modules, none twice and none inside of another; got {list(parts)}')
        if importance not in ('taylor', 'magnitude') or joint not in ('keep', 'prune') or batches < 1:
            raise ValueError("prune: importance is 'taylor' or 'magnitude', joint is 'keep' or 'prune', batches 1 or "
                             f'more; got {importance!r}, {joint!r}, {batches}')
        self.importance, self.batches, self.joint = importance, batches, joint
        self.round_to, self.min_keep, self.keep = round_to, min_keep, list(keep)

    def prune(self, model: nn.Module, cfg: Config, checkpoint: Path) -> Pruned:
        """As the base class says; ``record['slimmed']`` is what ``slimmed`` in a model's config takes."""
        first = next(training_batches(model, cfg, 1), None)
        if first is None:
            raise ValueError('prune: the training data give no batch to trace the model with')
        traced, removed, difference = self.slim(model, first, counted_batches(model, cfg, self.batches))
        settings = student_config(cfg).to_dict()
        full = MODELS.build({name: value for name, value in settings.items() if name != KEY})
        widths = widths_of(traced.model, full, tap_channels(traced.model, full, first))
        groups = {name: dict(kept=group.channels - len(gone), of=group.channels, layers=traced.layers(group))
                  for name, (group, gone) in removed.items()}
        operations = dict(before=_operations(model, first), after=_operations(traced.model, first))
        return Pruned(model=dict(_without_files(settings), **{KEY: widths}), weights=traced.model.state_dict(),
                      record=dict(groups=groups, operations=operations, difference=difference, slimmed=widths))

    def slim(self, model: nn.Module, first: Mapping[str, Any],
             batches: Iterable[Mapping[str, Any]]) -> tuple[ChannelGraph, Removed, float]:
        """A slimmed copy of ``model`` (the graph's), what it lost, and how far it differs from the masked model.

        Args:
            model: In eval mode.
            first: Arguments of its ``forward`` in mode ``loss``, to trace and to compare with.
            batches: The same, for ``taylor``.

        Raises:
            ValueError: What cannot be traced or removed; a slimmed model that computes something else.
        """
        traced = self.trace(model, first)
        if self.importance == 'taylor':
            self.take_gradients(traced.model, batches)
        removed = self.choose(traced)
        masked = copy.deepcopy(model)
        traced.mask(masked, removed)
        traced.prune(removed)
        return traced, removed, self._difference(masked, traced.model, first)

    def trace(self, model: nn.Module, batch: Mapping[str, Any]) -> ChannelGraph:
        """The channels of the parts of a copy of ``model``.

        Args:
            model: In eval mode.
            batch: Arguments of its ``forward`` in mode ``loss``.
        """
        model = copy.deepcopy(model)
        calls = record_calls(model, [path for chain in self.chains for path in chain], lambda: _run(model, batch))
        parts = Parts([[calls[path] for path in chain] for chain in self.chains])
        keep = [module_at(model, path, where='prune: ') for path in self.keep]
        return ChannelGraph(model=model, parts=parts, keep=keep, joint=self.joint)

    def choose(self, traced: ChannelGraph) -> Removed:
        """The groups that lose channels, and which.

        Raises:
            ValueError: There is nothing to remove, or not so much.
        """
        groups = {group.name: group for group in traced.groups(self.importance)}
        if not groups:
            raise ValueError(f'prune: no channels of {self.chains} can go: all of them leave the parts, are kept, or '
                             "are read together (joint='prune' gives those free)")
        kept = rank_channels({name: group.scores for name, group in groups.items()}, self.ratio,
                             round_to=self.round_to, min_keep=self.min_keep)
        gone = {name: group.removed(kept[name].tolist()) for name, group in groups.items()}
        return {name: (group, gone[name]) for name, group in groups.items() if gone[name]}

    def take_gradients(self, model: nn.Module, batches: Iterable[Mapping[str, Any]]) -> None:
        """Leave the mean gradient of the training loss over ``batches`` in the weights of the parts."""
        names = [f'{path}.{name}' for chain in self.chains for path in chain
                 for name, _ in module_at(model, path, where='prune: ').named_parameters()]
        slots = tuple(Slot(name, 0) for name in names)
        gradients = collect_gradients(model, batches, [ChannelGroup('parts', 0, slots, ())])
        for name, gradient in gradients.items():
            model.get_parameter(name).grad = gradient

    def _difference(self, masked: nn.Module, slimmed: nn.Module, batch: Mapping[str, Any]) -> float:
        """How far what leaves the parts differs, relative to its largest value."""
        last = [chain[-1] for chain in self.chains]
        whole = record_calls(masked, last, lambda: _run(masked, batch))
        try:
            small = record_calls(slimmed, last, lambda: _run(slimmed, batch))
        except (RuntimeError, IndexError) as error:
            raise ValueError(f'prune: the slimmed model does not run: {str(error)[:200]}; where something outside of a '
                             'chain, or a free parameter of a value a channel, meets its channels, name the layer in '
                             'prune.keep') from error
        difference = max(_distance(whole[path].output, small[path].output) for path in last)
        if self.joint == 'keep' and not difference < TOLERANCE:
            raise ValueError(f'prune: the slimmed model differs from the masked one by {difference:.1e} of the largest '
                             'value: an operation mixes channels in a way that tracing does not see; name the layers '
                             'before it in prune.keep')
        return difference


@torch.no_grad()
def _run(model: nn.Module, batch: Mapping[str, Any]) -> Any:
    torch.manual_seed(0)
    return model(**copy.deepcopy(dict(batch)), mode='loss')


def _operations(model: nn.Module, batch: Mapping[str, Any]) -> int:
    """Floating-point operations of a training batch's forward pass, see ``benchmark.flops.NOTE``."""
    return count_flops(lambda: _run(model, batch))['total']


def _distance(whole: Any, small: Any) -> float:
    pairs = [(one, other) for one, other in zip(tree_leaves(whole), tree_leaves(small), strict=True)
             if isinstance(one, torch.Tensor) and one.numel()]
    return max((float((one - other).abs().max() / one.abs().max().clamp(min=1e-6)) for one, other in pairs),
               default=0.0)


def tap_channels(slimmed: nn.Module, full: nn.Module, batch: Mapping[str, Any]) -> dict[str, int]:
    """Channels of the taps of ``slimmed`` that are not those that ``full`` declares."""
    if not hasattr(full, 'tap_specs'):
        return {}
    specs = full.tap_specs()
    with TapRecorder() as recorder:
        _run(slimmed, batch)
    return channels_of(specs, recorder.collect())


def _without_files(settings: Any) -> Any:
    """A model's config that begins from no file of weights: none fits the slimmed model but its own checkpoint."""
    if isinstance(settings, (list, tuple)):
        return type(settings)(map(_without_files, settings))
    if not isinstance(settings, dict):
        return settings
    settings = {name: _without_files(value) for name, value in settings.items()}
    if isinstance(settings.get('init_cfg'), dict) and settings['init_cfg'].get('type') == 'Pretrained':
        settings['init_cfg'] = None
    if str(settings.get('type', '')).endswith('ImageNetResNet'):
        settings['weights'] = None
    return settings
