"""``torch.compile`` for parts of a model; steps that record taps and run teachers stay plain Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch._functorch.config
from torch import nn

DENSE_PARTS = ('image_backbone', 'image_neck', 'view_transform.depth_net', 'trunk', 'pts_backbone', 'pts_neck')
"""Where the convolutions are. What is sparse, or differs in size from step to step, would compile over and over."""


def compile_modules(model: nn.Module, settings: bool | Mapping[str, Any] | None) -> list[str]:
    """Compile modules of the student (or of a model that is no distiller) in place; names of weights stay.

    mmengine compiles the whole training step instead, which holds recorders, teachers and the optimiser. A tap inside
    of a compiled module ends one graph and begins the next (``tap`` is never traced), so that recording works.

    Args:
        model: A distiller or any other model.
        settings: False or None: nothing; True: :data:`DENSE_PARTS` as far as there are such; a dict: arguments of
            ``torch.compile`` and optionally ``modules``, the paths to compile.

    Returns:
        Paths of the modules that were compiled.

    Raises:
        ValueError: settings of another kind, a path that the model does not have, or nothing to compile.
    """
    if not settings:
        return []
    if settings is not True and not isinstance(settings, Mapping):
        raise ValueError(f'compile is True, False or a dictionary of arguments of torch.compile; got {settings!r}')
    arguments = {} if settings is True else dict(settings)
    named: Sequence[str] | None = arguments.pop('modules', None)
    student = getattr(model, 'student', model)
    there = dict(student.named_modules())
    unknown = [path for path in named or () if path not in there]
    paths = [path for path in (DENSE_PARTS if named is None else named) if path in there]
    if unknown or not paths:
        raise ValueError(f'compile: {type(student).__name__} has no modules {unknown or list(DENSE_PARTS)}; name some '
                         f'of {", ".join(name for name, _ in student.named_children())} in compile.modules')
    if getattr(model, 'pairs', None):
        # A backward pass would reuse the memory of what it has read; gradient accounting walks the graph again.
        torch._functorch.config.donated_buffer = False
    for path in paths:
        there[path].compile(**arguments)
    return paths
