"""The two layouts in which sparse convolutions keep their weights.

mmcv and spconv 1, and so OpenMMLab's public checkpoints, have (kz, ky, kx, in, out); spconv 2 has
(out, kz, ky, kx, in). Which one a checkpoint has is read from the shapes of all its sparse convolutions together.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

HISTORIC, SPCONV2 = 'historic (kernel, in, out)', 'spconv 2 (out, kernel, in)'


def to_model_layout(
    model: nn.Module, weights: Mapping[str, Tensor], who: str
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """Weights of sparse convolutions in the layout that the model has.

    Args:
        model: The receiver.
        weights: A state dict of it, in either layout.
        who: For the message.

    Returns:
        All weights, and the names of those that were permuted. Shapes that fit neither layout stay as they are.

    Raises:
        ValueError: The checkpoint mixes the layouts, or its shapes fit both.
    """
    fitting = {name: _layouts(module, weights[name]) for name, module in sparse_convolutions(model).items()
               if name in weights}
    found = {next(iter(layouts)) for layouts in fitting.values() if len(layouts) == 1}
    unclear = [name for name, layouts in fitting.items() if len(layouts) == 2]
    if len(found) > 1:
        raise ValueError(f'{who}: some sparse convolutions have the layout {HISTORIC}, some {SPCONV2}')
    if unclear and not found:
        raise ValueError(f'{who}: the layout of the sparse convolutions cannot be told: every shape fits {HISTORIC} '
                         f'and {SPCONV2} (first of them: {unclear[0]})')
    own = model_layout(model)
    if not found or found == {own}:
        return dict(weights), ()
    names = tuple(name for name, layouts in fitting.items() if layouts)
    return {**weights, **{name: _permuted(weights[name], own) for name in names}}, names


def model_layout(model: nn.Module) -> str | None:
    """The layout of the model's sparse convolutions; None where it has none."""
    for module in sparse_convolutions(model).values():
        return SPCONV2 if any(base.__module__.startswith('spconv.') for base in type(module).__mro__) else HISTORIC
    return None


def sparse_convolutions(model: nn.Module) -> dict[str, nn.Module]:
    """Name of the weight -> module, for the convolutions of mmcv and spconv alike."""
    return {f'{name}.weight' if name else 'weight': module for name, module in model.named_modules()
            if hasattr(module, 'subm') and hasattr(module, 'indice_key') and hasattr(module, 'weight')}


def version_of_layout(model: nn.Module) -> dict[str, dict]:
    """Metadata for a state dict in the model's layout, of its sparse convolutions alone.

    mmdet3d permutes what it loads into spconv 2 unless the metadata of the state dict say that it is done.
    """
    metadata = getattr(model.state_dict(), '_metadata', {})
    places = [name.removesuffix('weight').removesuffix('.') for name in sparse_convolutions(model)]
    return {place: metadata[place] for place in places if place in metadata}


def _layouts(module: nn.Module, weight: Tensor) -> set[str]:
    kernel, ends = tuple(module.kernel_size), (module.in_channels, module.out_channels)
    forms = {HISTORIC: (*kernel, *ends), SPCONV2: (ends[1], *kernel, ends[0])}
    return {layout for layout, shape in forms.items() if tuple(weight.shape) == shape}


def _permuted(weight: Tensor, layout: str) -> Tensor:
    moved = weight.movedim(-1, 0) if layout == SPCONV2 else weight.movedim(0, -1)
    return moved.contiguous()
