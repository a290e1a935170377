"""Weights of YOLOv5 6.x and 7.0 as their authors name them, for :class:`UAVDetector`.

Only bare state dicts are read: the released ``.pt`` files hold modules, which need the authors' own code. The weights
are under their licence (AGPL-3.0); nothing of them or of their code is here.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from torch import Tensor

from perception_kd.distill.weights import LoadReport, compare_weights
from perception_kd.engine.foreign_checkpoint import load_weights
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.files import check_file_target, require_file, write_json
from perception_kd.models.stereo.released.name_map import Rule, rename
from perception_kd.registry import MODELS, SCOPE

CONV = {'conv': 'conv', 'bn': 'norm'}
SPPF = {f'{theirs}.{part}': f'{ours}.{own}' for theirs, ours in (('cv1', 'reduce'), ('cv2', 'out'))
        for part, own in CONV.items()}
_MOST_BLOCKS = 12  # of size x
C3 = {f'{theirs}.{part}': f'{ours}.{own}' for part, own in CONV.items() for theirs, ours in (
    ('cv1', 'main'), ('cv2', 'side'), ('cv3', 'out'),
    *((f'm.{number}.{inner}', f'blocks.{number}.{name}') for number in range(_MOST_BLOCKS)
      for inner, name in (('cv1', 'reduce'), ('cv2', 'expand'))))}
BACKBONE = [Rule('model.0', 'backbone.stem', CONV), Rule('model.9', 'backbone.stages.p5.sppf', SPPF)]
for _level, _number in ((2, 1), (3, 3), (4, 5), (5, 7)):
    BACKBONE += [Rule(f'model.{_number}', f'backbone.stages.p{_level}.down', CONV),
                 Rule(f'model.{_number + 1}', f'backbone.stages.p{_level}.c3', C3)]


class Converted(NamedTuple):
    """A released model.

    Attributes:
        model: Config of its detector.
        weights: Under our names.
    """

    model: dict[str, Any]
    weights: dict[str, Tensor]


def convert_yolov5_weights(path: str | Path, out: str | Path, *, classes: int | None = None) -> LoadReport:
    """Write ``out``, a checkpoint, and beside it the config of its detector with the suffix ``.json``.

    Args:
        path: File with the state dict of a YOLOv5 detector.
        out: File to write, ``.pth``.
        classes: Other than the file's: the rows of the classes begin anew.

    Returns:
        What became of the parameters; all of them matched.

    Raises:
        FileNotFoundError: no such file.
        ValueError: the file is of another model, holds modules, or would be replaced by its own conversion.
    """
    path, out = require_file(path, 'checkpoint'), Path(out)
    if out.suffix != '.pth':
        raise ValueError(f'{out}: name a .pth file; its config is written beside it as .json')
    if out.exists() and out.samefile(path):
        raise ValueError(f'{out} is the released file itself: name another')
    check_file_target(out)
    converted = from_yolov5(load_weights(path), classes=classes, who=str(path))
    with torch.device('meta'):
        model = MODELS.build(dict(converted.model))
    report = compare_weights(model, converted.weights)
    if report.problems:
        raise ValueError(f'{path}: the weights do not fit the model they were taken for: {report}')
    write_json(out.with_suffix('.json'), dict(default_scope=SCOPE, model=converted.model))
    meta = dict(source='yolov5', model=Config(dict(model=converted.model)).pretty_text)
    write_checkpoint(out, dict(meta=meta, state_dict=converted.weights))
    return report


def from_yolov5(weights: Mapping[str, Tensor], *, classes: int | None = None, who: str = 'YOLOv5') -> Converted:
    """Config and weights of a YOLOv5 detector of any size: plain, with P2, or with the third input of BiFPN.

    Args:
        weights: ``model.0.conv.weight`` and so on.
        classes: As for :func:`convert_yolov5_weights`.
        who: For messages.

    Raises:
        ValueError: they are of another model.
    """
    weights = {name.removeprefix('model.') if name.startswith('model.model.') else name: value.float()
               for name, value in weights.items()}
    numbers = [int(found[1]) for name in weights if (found := re.match(r'model\.(\d+)\.', name))]
    last = max(numbers, default=-1)
    if last not in (24, 31) or f'model.{last}.anchors' not in weights or 'model.9.cv2.conv.weight' not in weights:
        raise ValueError(f'{who} holds no state dict of a YOLOv5 6.x detector with three levels, or four down to P2')
    levels = (3, 4, 5) if last == 24 else (2, 3, 4, 5)
    rules = [*BACKBONE, *_neck_rules(levels), Rule(f'model.{last}.m', 'head.convs')]
    renamed = rename(weights, rules, ignored=[f'model.{last}.anchors', f'model.{last}.anchor_grid'], who=who)
    try:
        model = _model(renamed, weights[f'model.{last}.anchors'], levels, classes)
    except KeyError as error:
        raise ValueError(f'{who}: the file lacks what is {error.args[0]} here') from error
    return Converted(model, _with_classes(renamed, model['head']))


def _neck_rules(levels: tuple[int, ...]) -> list[Rule]:
    """Layers 10 and up: lateral, (up, joined,) C3 down to the finest level, then strided convolution, (joined,) C3."""
    rules, number = [], 10
    for level in reversed(levels[1:]):
        rules += [Rule(f'model.{number}', f'neck.paths.laterals.p{level}', CONV),
                  Rule(f'model.{number + 3}', f'neck.paths.top_down.p{level - 1}', C3)]
        number += 4
    for level in levels[1:]:
        rules += [Rule(f'model.{number}', f'neck.paths.downs.p{level - 1}', CONV),
                  Rule(f'model.{number + 2}', f'neck.paths.bottom_up.p{level}', C3)]
        number += 3
    return rules


def _model(weights: Mapping[str, Tensor], anchors: Tensor, levels: tuple[int, ...], classes: int | None) -> dict:
    blocks = {name.split('.')[5] for name in weights if name.startswith('backbone.stages.p4.c3.blocks.')}
    scale = dict(depth=len(blocks) / 9, width=weights['backbone.stem.conv.weight'].shape[0] / 64)
    rows = weights['head.convs.0.bias'].shape[0] // anchors.shape[1]
    middle = weights['backbone.stages.p4.c3.out.conv.weight'].shape[0]
    plain = 2 * weights['neck.paths.downs.p3.conv.weight'].shape[0]
    fusion = 'concat_skip' if weights['neck.paths.bottom_up.p4.main.conv.weight'].shape[1] == plain + middle else 'pan'
    sizes = [(level * 2**power).tolist() for level, power in zip(anchors, levels)]
    return dict(
        type='UAVDetector', backbone=dict(type='CSPDarknetV5', levels=list(levels), **scale),
        neck=dict(type='CBiPAFPN', fusion=fusion, p2=len(levels) == 4, **scale),
        head=dict(type='AnchorYOLOHead', num_classes=rows - 5 if classes is None else classes, anchors=sizes))


def _with_classes(weights: dict[str, Tensor], head: Mapping[str, Any]) -> dict[str, Tensor]:
    """The rows of box and objectness, and those of the classes: the file's, or new ones."""
    anchors, classes = len(head['anchors'][0]), head['num_classes']
    found = dict(weights)
    for name, value in weights.items():
        rows = value.unflatten(0, (anchors, -1)) if name.startswith('head.convs.') else None
        if rows is None or rows.shape[1] == 5 + classes:
            continue
        fresh = rows.new_zeros(anchors, classes, *rows.shape[2:])
        if name.endswith('.bias'):
            fresh += math.log(0.6 / (classes - 0.99999))
        found[name] = torch.cat([rows[:, :5], fresh], 1).flatten(0, 1)
    return found
