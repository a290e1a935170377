"""The order of the classes that a checkpoint was trained with, held against that of the model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn


def classes_of_checkpoint(content: Any) -> tuple[str, ...] | None:
    """Class names in label order from a checkpoint's ``meta``: of mmengine (``dataset_meta``) or older (``CLASSES``).

    None where it does not tell.
    """
    meta = content.get('meta') if isinstance(content, dict) else None
    meta = meta if isinstance(meta, dict) else {}
    newer = meta.get('dataset_meta')
    newer = newer if isinstance(newer, dict) else {}
    for found in (newer.get('classes'), newer.get('CLASSES'), meta.get('CLASSES'), meta.get('classes')):
        if isinstance(found, (list, tuple)) and found and all(isinstance(name, str) for name in found):
            return tuple(found)
    return None


def classes_of_model(model: nn.Module) -> tuple[str, ...] | None:
    """Class names in label order through the tasks of the first CenterHead; None where there is none."""
    for module in model.modules():
        tasks = getattr(module, 'class_names', None)
        if isinstance(tasks, (list, tuple)) and tasks and all(isinstance(task, (list, tuple)) for task in tasks):
            return tuple(name for task in tasks for name in task)
    return None


def class_order_problem(model: nn.Module, given: Sequence[str] | None) -> str | None:
    """What is wrong with the order of classes, in words; None where it fits or the model has no classes.

    Shapes do not tell: two tasks of two classes each can change places. Where the order fits, a different
    partition into tasks changes shapes, and so is found there.
    """
    own = classes_of_model(model)
    if own is None or (given is not None and tuple(given) == own):
        return None
    if given is None:
        return f'the checkpoint does not name its classes; their order is taken to be that of tasks: {", ".join(own)}'
    return (f'the checkpoint was trained on the classes {", ".join(given)}, and the tasks of the config give '
            f'{", ".join(own)}; set tasks in the order of the checkpoint')
