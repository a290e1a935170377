"""Which channels can only go together, by Torch-Pruning's dependency graph (Fang et al., CVPR 2023)."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from perception_kd.compress.prune.parts import Boundary, Parts

Importance = Literal['taylor', 'magnitude']
LAYERS = (_ConvNd, nn.Linear)
KNOWN = (*LAYERS, _NormBase, nn.LayerNorm, nn.GroupNorm, nn.PReLU, nn.Embedding, nn.LSTM, nn.MultiheadAttention)


def torch_pruning() -> Any:
    """The package.

    Raises:
        ImportError: It is missing.
    """
    try:
        import torch_pruning as package
    except ImportError as error:
        raise ImportError("prune.type TracedPruning needs Torch-Pruning: pip install 'perception_kd[prune]'") from error
    return package


@dataclass(frozen=True)
class TracedGroup:
    """Channels that can only go together.

    Attributes:
        name: Path of the layer that makes them.
        channels: How many there are.
        folds: Groups of a grouped convolution among the layers: channel i goes with i + channels / folds and so on.
        scores: ``(channels / folds,)`` importance.
        group: Torch-Pruning's.
    """

    name: str
    channels: int
    folds: int
    scores: Tensor
    group: Any

    def removed(self, kept: Sequence[int]) -> list[int]:
        """All channels that go where ``kept`` of the first fold stay."""
        width, kept = self.channels // self.folds, set(kept)
        return [fold * width + index for fold in range(self.folds) for index in range(width) if index not in kept]


Removed = Mapping[str, tuple[TracedGroup, list[int]]]
"""Groups that lose channels, and which, by name."""


class ChannelGraph:
    """The dependency graph of parts, and what can be done with it.

    Attributes:
        model: Holds the parts; pruning changes it.

    Args:
        model: As above.
        parts: Its parts on their inputs.
        keep: Modules whose outputs keep their channels, and all inside of them.
        joint: Whether channels stay that a function or a norm needs all together (the mean over channels of a spatial
            attention, a layer norm), since no slimmed model equals the masked one there.
    """

    def __init__(self, *, model: nn.Module, parts: Parts, keep: Sequence[nn.Module] = (),
                 joint: Literal['keep', 'prune'] = 'keep') -> None:
        self._tp = torch_pruning()
        self.model = model
        self._names = {module: name for name, module in model.named_modules()}
        self._keep = [inner for module in keep for inner in module.modules()]
        self._joint = joint
        followed, rest = _free_parameters(parts)
        with _without_gradient(rest):
            self._graph = self._tp.DependencyGraph().build_dependency(
                parts, None, forward_fn=lambda model, _: model(), unwrapped_parameters=followed,
                customized_pruners={Boundary: self._boundary_pruner()}, verbose=False)
        for node in self._graph.module2node.values():  # it takes a (C, 1, 1) scale for a position embedding
            node.enable_index_mapping = True

    def groups(self, importance: Importance) -> list[TracedGroup]:
        """What can be pruned, with its importance.

        Args:
            importance: ``taylor``: |weight x gradient|, of the gradients that the weights hold; ``magnitude``: squared
                weights. Both summed over a channel's weights, averaged over layers and divided by the group's mean.
        """
        kinds = self._tp.importance
        rate = kinds.GroupTaylorImportance() if importance == 'taylor' else kinds.GroupMagnitudeImportance()
        found = []
        for group in self._graph.get_all_groups(self._keep, root_module_types=LAYERS):
            folds = self._folds(group)
            root, channels = group[0].dep.target.module, len(group[0].idxs)
            if folds is None or channels < 2 or any(self._stays(dep.target.module) for dep, _ in group):
                continue
            scores = rate(group)
            if scores is not None and len(scores) == channels:
                scores = torch.nan_to_num(scores.float().cpu()).view(folds, -1).mean(0)
                found.append(TracedGroup(self._names[root], channels, folds, scores, group))
        return found

    def layers(self, group: TracedGroup) -> list[str]:
        """Paths of a group's convolutions and matrices."""
        return list(dict.fromkeys(self._names[dep.target.module] for dep, _ in group.group
                                  if isinstance(dep.target.module, LAYERS)))

    def mask(self, model: nn.Module, removed: Removed) -> None:
        """Zero in ``model``, a copy of the whole one, the weights by which layers read the channels that go."""
        for whole, indices in removed.values():
            for dep, places in self._cut(whole, indices):
                layer = dep.target.module
                mixes = isinstance(layer, LAYERS) and not _by_channel(layer)
                if mixes and self._graph.is_in_channel_pruning_fn(dep.handler):
                    _zero_inputs(model.get_submodule(self._names[layer]), places)

    def prune(self, removed: Removed) -> None:
        """Take the channels out of the model."""
        for whole, indices in removed.values():
            self._cut(whole, indices).prune(record_history=False)

    def _cut(self, whole: TracedGroup, indices: list[int]) -> Any:
        root = whole.group[0].dep
        return self._graph.get_pruning_group(root.target.module, root.handler, indices)

    def _stays(self, module: nn.Module) -> bool:
        if isinstance(module, Boundary):
            return module.kind == 'edge' or (module.kind == 'joint' and self._joint == 'keep')
        return self._joint == 'keep' and isinstance(module, (nn.LayerNorm, nn.GroupNorm))

    def _folds(self, group: Any) -> int | None:
        """Folds of a group's channels; None where grouped convolutions or norms do not agree on one."""
        counts, channels = set(), len(group[0].idxs)
        for dep, places in group:
            module = dep.target.module
            grouped = isinstance(module, _ConvNd) and module.groups > 1 and not _by_channel(module)
            if grouped or isinstance(module, nn.GroupNorm):
                folds = module.groups if grouped else module.num_groups
                if len(places) != channels or (grouped and folds in (module.in_channels, module.out_channels)):
                    return None
                counts.add(folds)
        folds = math.lcm(*counts)
        return folds if channels % folds == 0 and len(counts) < 2 else None

    def _boundary_pruner(self) -> Any:
        class BoundaryPruner(self._tp.BasePruningFunc):
            """Nothing passes: what goes in and what comes out are not tied."""

            def prune_out_channels(self, layer: Boundary, idxs: Sequence[int]) -> Boundary:
                return layer

            def prune_in_channels(self, layer: Boundary, idxs: Sequence[int]) -> Boundary:
                return layer

            def get_out_channels(self, layer: Boundary) -> int:
                return layer.channels

            def get_in_channels(self, layer: Boundary) -> None:
                return None

        return BoundaryPruner()


def _by_channel(layer: nn.Module) -> bool:
    return isinstance(layer, _ConvNd) and layer.groups == layer.in_channels == layer.out_channels > 1


def _zero_inputs(layer: nn.Module, places: Sequence[int]) -> None:
    groups = getattr(layer, 'groups', 1)
    places = sorted(places)[:len(places) // groups]
    with torch.no_grad():
        if getattr(layer, 'transposed', False):
            layer.weight[places] = 0
        else:
            layer.weight[:, places] = 0


def _free_parameters(parts: nn.Module) -> tuple[list[tuple[nn.Parameter, int]], list[nn.Parameter]]:
    """Parameters of no known layer: those of one value a channel, ``(C, 1, 1)``, with their dimension; and the rest
    (the weights of a weighted sum).
    """
    free = [weight for module in parts.modules() if not isinstance(module, KNOWN)
            for weight in module.parameters(recurse=False)]
    by_channel = {id(weight) for weight in free if weight.ndim > 2 and weight.shape[-3] == weight.numel() > 1}
    return ([(weight, weight.ndim - 3) for weight in free if id(weight) in by_channel],
            [weight for weight in free if id(weight) not in by_channel])


@contextmanager
def _without_gradient(weights: Sequence[nn.Parameter]) -> Iterator[None]:
    """The graph, which follows gradients, does not meet these."""
    asked = [weight for weight in weights if weight.requires_grad]
    for weight in asked:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight in asked:
            weight.requires_grad_(True)
