"""What a checkpoint tells of its training, held against the model: shapes do not tell all that must fit."""

from __future__ import annotations

import ast
import logging
import re
from typing import Any, NamedTuple

from mmengine.logging import print_log
from torch import nn

from perception_kd.distill.anchor_origin import Anchors, anchors_in, anchors_of, same_anchors, spelt

_RANGE = re.compile(r'^point_cloud_range = (\[[^]]*\])', re.MULTILINE)


class Origin(NamedTuple):
    """What a checkpoint's ``meta`` tells; None where it does not.

    Attributes:
        classes: Class names in label order: of mmengine (``dataset_meta``) or older (``CLASSES``).
        mmdet3d: Version that wrote it.
        area: ``(x_min, y_min, x_max, y_max)`` m of the config's ``point_cloud_range``.
        anchors: Of the head, px of the network input.
    """

    classes: tuple[str, ...] | None = None
    mmdet3d: str | None = None
    area: tuple[float, ...] | None = None
    anchors: Anchors | None = None


def origin_of(content: Any) -> Origin:
    """Of the content of a checkpoint file, whatever it is."""
    meta = _entries(content, 'meta')
    newer = _entries(meta, 'dataset_meta')
    version = meta.get('mmdet3d_version')
    version = version if isinstance(version, str) else None
    told = dict(mmdet3d=version, area=_area(meta.get('cfg')), anchors=anchors_in(meta))
    for found in (newer.get('classes'), newer.get('CLASSES'), meta.get('CLASSES'), meta.get('classes')):
        if isinstance(found, (list, tuple)) and found and all(isinstance(name, str) for name in found):
            return Origin(tuple(found), **told)
    return Origin(**told)


def classes_of(model: nn.Module) -> tuple[str, ...] | None:
    """Class names in label order through the tasks of the first module that has ``class_names`` (a CenterHead, a
    LabelEncoder); None where there is none."""
    for module in model.modules():
        tasks = getattr(module, 'class_names', None)
        if isinstance(tasks, (list, tuple)) and tasks and all(isinstance(task, (list, tuple)) for task in tasks):
            return tuple(name for task in tasks for name in task)
    return None


def origin_problem(model: nn.Module, origin: Origin) -> str | None:
    """Why a checkpoint must not be used with a detector although its shapes fit, in words; None where it may.

    Two tasks of two classes each can change places unseen. (Where the order of all classes fits, another partition
    into tasks changes shapes.) Before version 1.0, mmdet3d's boxes had width and length exchanged and the yaw turned.
    A module with ``learnt_area`` (a LabelEncoder) knows places by heart, and the area must be the one it had. Boxes
    are factors of anchors, and those must be the ones it had.
    """
    anchors = anchors_of(model)
    if anchors and origin.anchors and not same_anchors(anchors, origin.anchors):
        return (f'the checkpoint was trained with anchors={spelt(origin.anchors)}, and the config has '
                f'{spelt(anchors)}: boxes would have wrong sizes; set the anchors of the checkpoint')
    own = classes_of(model)
    if own is None:
        return None
    if origin.mmdet3d is not None and origin.mmdet3d.startswith('0.'):
        return (f'the checkpoint was written by mmdet3d {origin.mmdet3d}, whose boxes had other sizes and angles; '
                'take the one of v1.0.0_models in the model zoo')
    if origin.classes is not None and origin.classes != own:
        return (f'the checkpoint was trained on the classes {", ".join(origin.classes)}, and the tasks of the config '
                f'give {", ".join(own)}; set tasks in the order of the checkpoint')
    area = next((module.learnt_area for module in model.modules() if hasattr(module, 'learnt_area')), None)
    if area is not None and origin.area is not None and origin.area != area:
        return (f'the checkpoint was trained on the area {_metres(origin.area)}, and the config has {_metres(area)}; '
                'set its point_cloud_range')
    return None


def origin_doubt(model: nn.Module, origin: Origin) -> str | None:
    """What cannot be checked, in words; None where all can."""
    anchors = anchors_of(model)
    if anchors and not origin.anchors:
        return f'the checkpoint does not tell its anchors; they are taken to be those of the config: {spelt(anchors)}'
    own = classes_of(model)
    if own is None or origin.classes is not None:
        return None
    return f'the checkpoint does not name its classes; their order is taken to be that of tasks: {", ".join(own)}'


def check_origin(model: nn.Module, origin: Origin, who: str) -> None:
    """Refuse a checkpoint that :func:`origin_problem` finds bad, and log what cannot be checked.

    Raises:
        ValueError: begins with ``who``.
    """
    problem, doubt = origin_problem(model, origin), origin_doubt(model, origin)
    if problem:
        raise ValueError(f'{who}: {problem}')
    if doubt:
        print_log(f'{who}: {doubt}', logger='current', level=logging.WARNING)


def _area(config: Any) -> tuple[float, ...] | None:
    """From the text of a config, which is not run."""
    found = _RANGE.search(config) if isinstance(config, str) else None
    try:
        x_min, y_min, _, x_max, y_max, _ = map(float, ast.literal_eval(found[1])) if found else ()
    except (ValueError, TypeError, SyntaxError):
        return None
    return x_min, y_min, x_max, y_max


def _metres(area: tuple[float, ...]) -> str:
    return 'x {:g}..{:g}, y {:g}..{:g} m'.format(*(area[place] for place in (0, 2, 1, 3)))


def _entries(content: Any, key: str) -> dict:
    found = content.get(key) if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
