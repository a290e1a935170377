"""Slimmed models: built as their config says, then cut to the widths that pruning left.

``slimmed`` in the config of a model of any type names a record of ``tools/prune.py``, or holds its entry of that name::

  student = dict(slimmed='work_dirs/pruned/pruned.json')

What trains, tests, infers, exports or distils builds its models through the registry, and so honours it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import Registry, build_model_from_cfg
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.conv import _ConvNd

from perception_kd.files import require_file
from perception_kd.structures import TapSpec

KEY = 'slimmed'
Widths = Mapping[str, Mapping[str, Any]]


def build_model(cfg: Any, *args: Any, registry: Registry, **kwargs: Any) -> nn.Module:
    """As mmengine's ``build_model_from_cfg``; a config with ``slimmed`` gives the slimmed model."""
    if not isinstance(cfg, dict) or KEY not in cfg:
        return build_model_from_cfg(cfg, registry, *args, **kwargs)
    cfg = cfg.copy()
    widths = cfg.pop(KEY)
    model = build_model_from_cfg(cfg, registry, *args, **kwargs)
    return model if widths is None else slim(model, widths)


def slim(model: nn.Module, widths: Widths | str | Path) -> nn.Module:
    """Cut a model to widths, in place: each tensor keeps its first rows; weights are to be loaded or trained after.

    Args:
        model: As its config builds it without ``slimmed``.
        widths: As of :func:`widths_of`, or a JSON file that holds them, alone or under ``slimmed``.

    Raises:
        FileNotFoundError, ValueError: no such file, or widths of another model.
    """
    if isinstance(widths, (str, Path)):
        widths = _read(widths)
    shapes = widths.get('shapes', {})
    touched = {}
    for name, shape in shapes.items():
        path, _, leaf = name.rpartition('.')
        try:
            module = model.get_submodule(path)
            setattr(module, leaf, _cut(getattr(module, leaf), tuple(shape)))
        except (AttributeError, ValueError) as error:
            raise ValueError(f'slimmed: {name} of shape {list(shape)} does not fit {type(model).__name__}: {error}; '
                             'it was made of another model') from error
        touched[path] = module
    for module in touched.values():
        _tell_widths(module)
    if widths.get('taps'):
        model.tap_specs = partial(_tap_specs, model.tap_specs, dict(widths['taps']))
    return model


def widths_of(slimmed: nn.Module, full: nn.Module, taps: Mapping[str, int] | None = None) -> dict[str, dict[str, Any]]:
    """What :func:`slim` needs to make the shapes of one model from the other.

    Args:
        slimmed: The smaller model.
        full: The one that the config builds without ``slimmed``.
        taps: Channels of the slimmed model's taps where they are not those of ``full``.
    """
    before = full.state_dict()
    shapes = {name: list(value.shape) for name, value in slimmed.state_dict().items()
              if value.shape != before[name].shape}
    return dict(shapes=shapes, taps=dict(taps or {}))


def _read(path: str | Path) -> Widths:
    try:
        content = json.loads(require_file(path, 'record of a pruning').read_bytes())
    except ValueError as error:
        raise ValueError(f'{path} is no JSON: {error}') from error
    content = content.get(KEY, content) if isinstance(content, dict) else {}
    if not isinstance(content, dict) or not isinstance(content.get('shapes'), dict):
        raise ValueError(f'{path} holds no shapes of a slimmed model; name a pruned.json of a traced pruning')
    return content


def _cut(value: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The first entries along each dimension, as a tensor of its own with the same layout in memory."""
    if len(shape) != value.ndim or not all(0 < new <= old for new, old in zip(shape, value.shape)):
        raise ValueError(f'it has shape {list(value.shape)}')
    cut = value.detach()[tuple(slice(size) for size in shape)].clone(memory_format=_layout(value))
    return nn.Parameter(cut, requires_grad=value.requires_grad) if isinstance(value, nn.Parameter) else cut


def _layout(value: Tensor) -> torch.memory_format:
    if value.is_contiguous():
        return torch.contiguous_format
    return {4: torch.channels_last, 5: torch.channels_last_3d}.get(value.ndim, torch.contiguous_format)


def _tell_widths(module: nn.Module) -> None:
    """Set what a layer says of itself to what its weights are."""
    weight = getattr(module, 'weight', None)
    if isinstance(module, _ConvNd):
        first, second = weight.shape[:2]
        if module.groups == module.in_channels == module.out_channels:  # one filter a channel
            module.groups = module.in_channels = module.out_channels = first * second
        else:
            inputs, outputs = (first, second) if module.transposed else (second, first)
            module.in_channels = inputs if module.transposed else inputs * module.groups
            module.out_channels = outputs * module.groups if module.transposed else outputs
    elif isinstance(module, nn.Linear):
        module.out_features, module.in_features = weight.shape
    elif isinstance(module, _NormBase):
        module.num_features = len(weight if weight is not None else module.running_mean)
    elif isinstance(module, nn.GroupNorm):
        module.num_channels = len(weight)
    elif isinstance(module, nn.LayerNorm):
        module.normalized_shape = tuple(weight.shape)
    elif isinstance(module, nn.PReLU):
        module.num_parameters = len(weight)


def _tap_specs(declared: Any, channels: Mapping[str, int], *args: Any) -> dict[str, TapSpec]:
    """A model's own declarations with the channels that pruning left."""
    specs: dict[str, TapSpec] = declared(*args)
    return {name: replace(spec, channels=channels.get(name, spec.channels)) for name, spec in specs.items()}


def channels_of(specs: Mapping[str, TapSpec], values: Mapping[str, Tensor | Sequence | Mapping]) -> dict[str, int]:
    """Channels of taps where they are not as declared; containers (a head's outputs) have no single number."""
    return {name: values[name].shape[1] for name, spec in specs.items()
            if spec.channels is not None and isinstance(values.get(name), Tensor) and values[name].ndim > 1
            and values[name].shape[1] != spec.channels}
