"""What the nuScenes server demands of a result file, looked at before it is sent.

Stricter than nuscenes-devkit, which takes a score that is a string, a box without extent or a rotation of any length:
whatever the devkit refuses is refused here, and so is what it would score as nonsense.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.tables import read_json, read_rows, split_scenes, table_folder
from perception_kd.evaluation.frames import split_tokens
from perception_kd.evaluation.submission import DEFAULT_MODALITY, MAX_BOXES_PER_SAMPLE
from perception_kd.files import require_file
from perception_kd.structures.classes import NUSCENES_CLASSES

CURE = 'make it again with tools/test.py --format-only'
UNIT_TOLERANCE = 0.01

_VEHICLE = ('vehicle.moving', 'vehicle.parked', 'vehicle.stopped')
_CYCLE = ('cycle.with_rider', 'cycle.without_rider')
CLASS_ATTRIBUTES: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(('car', 'truck', 'trailer', 'bus', 'construction_vehicle'), _VEHICLE),
    **dict.fromkeys(('bicycle', 'motorcycle'), _CYCLE),
    'pedestrian': ('pedestrian.moving', 'pedestrian.sitting_lying_down', 'pedestrian.standing'),
    'traffic_cone': (), 'barrier': (),
}  # fmt: skip
"""Attributes that a box of a class may have; none (an empty string) is always allowed."""

_VECTORS = {'translation': 3, 'size': 3, 'rotation': 4, 'velocity': 2}
_INPUTS = {'use_camera': 'img', 'use_lidar': 'points', 'use_radar': 'radar'}
_LARGEST_INT = 2**63
_FIELDS = (*_VECTORS, 'sample_token', 'detection_name', 'detection_score', 'attribute_name')


class _Problems:
    """One line a kind of failure: how many boxes (or samples) have it, and the first of them."""

    def __init__(self) -> None:
        self._found: dict[str, tuple[int, str]] = {}

    def add(self, what: str, first: str, count: int = 1) -> None:
        """``what`` is the kind, ``first`` where and how it is seen."""
        if count:
            before, kept = self._found.get(what, (0, first))
            self._found[what] = before + count, kept

    def lines(self) -> list[str]:
        return [f'{what}: {count}, the first {first}' for what, (count, first) in self._found.items()]


def check_submission(content: Any, tokens: Collection[str], *, modality: Mapping[str, bool] | None = None) -> list[str]:
    """All that is wrong with the content of a result file; empty where nothing is.

    Args:
        content: As JSON gives it.
        tokens: Sample tokens of the split: all of them, and no other, must be there.
        modality: What the model really uses, where that is known: ``meta`` must say the same.

    Returns:
        One line for each kind of failure, with its count and the first offender.
    """
    if not isinstance(content, Mapping) or not all(isinstance(content.get(key), Mapping)
                                                   for key in ('meta', 'results')):
        return ['a result file has the two entries "meta" and "results"']
    problems = _Problems()
    _check_meta(content['meta'], modality, problems)
    results = content['results']
    missing, foreign = sorted(set(tokens) - set(results)), sorted(set(results) - set(tokens))
    problems.add('samples of the split that are missing', f'is {next(iter(missing), "")}', len(missing))
    problems.add('samples that are not in the split', f'is {next(iter(foreign), "")}', len(foreign))
    for token, boxes in results.items():
        if not isinstance(boxes, list):
            problems.add('samples that hold no list of boxes', f'is {token}')
            continue
        if len(boxes) > MAX_BOXES_PER_SAMPLE:
            problems.add(f'samples with more than {MAX_BOXES_PER_SAMPLE} boxes', f'is {token} with {len(boxes)}')
        for place, box in enumerate(boxes):
            for what, seen in _failures_of(token, box):
                problems.add(what, f'is box {place} of sample {token}: {seen}')
    return problems.lines()


def check_submission_file(path: str | Path, root: str | Path, version: str, split: str, *,
                          modality: Mapping[str, bool] | None = None) -> list[str]:
    """:func:`check_submission` of a file, for a split of a data root.

    Tables that lack scenes of the split are a failure too: their samples cannot be in the file.

    Raises:
        FileNotFoundError, ValueError: no such file, root, version or split, or the file is no JSON.
    """
    tokens = split_tokens(root, version, split)
    content = read_json(require_file(path, 'result file'), cure=CURE)
    absent = absent_scenes(root, version, split)
    lines = check_submission(content, tokens, modality=modality)
    if absent:
        lines.append(f'scenes of split {split} that the tables of {version} lack: {len(absent)}, the first is '
                     f'{absent[0]}; the server wants the samples of all')
    return lines


def check_inputs(meta: Mapping[str, bool], fed: Collection[str]) -> list[str]:
    """Where ``meta`` contradicts what a model was given while it predicted.

    Args:
        meta: Of the result file.
        fed: Names of its inputs, as ``PackInputs`` has them. Pictures and radar points may come along unused; LiDAR
            points do not in any of our pipelines.
    """
    lines = []
    for name, key in _INPUTS.items():
        if meta[name] and key not in fed:
            lines.append(f'meta says {name}: true, but the model was given no {key}')
        elif key == 'points' and key in fed and not meta[name]:
            lines.append(f'meta says {name}: false, but the model was given {key}')
    return lines


def absent_scenes(root: str | Path, version: str, split: str) -> list[str]:
    """Scenes that belong to a split but not to the tables: those of a partial download, say."""
    known = {row['name'] for row in read_rows(table_folder(root, version) / 'scene.json', ('name',))}
    return [name for name in split_scenes(root, version)[split] if name not in known]


def _check_meta(meta: Mapping[str, Any], modality: Mapping[str, bool] | None, problems: _Problems) -> None:
    for name in DEFAULT_MODALITY:
        if not isinstance(meta.get(name), bool):
            problems.add('entries of meta that are not true or false', f'is {name}: {meta.get(name)}')
        elif modality is not None and meta[name] != modality[name]:
            problems.add('entries of meta that do not tell what the model uses',
                         f'is {name}: {str(meta[name]).lower()}')
    if all(meta.get(name) is False for name in DEFAULT_MODALITY):
        problems.add('entries of meta that are true', 'is missing: the model uses something', count=1)


def _failures_of(token: str, box: Any) -> Iterator[tuple[str, Any]]:
    """Kind of each failure of a box, and what is seen of it."""
    lacking = [name for name in _FIELDS if name not in box] if isinstance(box, Mapping) else list(_FIELDS)
    if lacking:
        yield 'boxes without a field', lacking[0]
        return
    if box['sample_token'] != token:
        yield 'boxes whose sample_token is not the sample they stand in', box['sample_token']
    for name, count in _VECTORS.items():
        if not _are_numbers(box[name], count):
            yield f'boxes whose {name} is no list of {count} finite numbers', box[name]
        elif name == 'size' and min(box[name]) <= 0:
            yield 'boxes whose size is not positive', box[name]
        elif name == 'rotation' and abs(math.hypot(*box[name]) - 1) > UNIT_TOLERANCE:
            yield 'boxes whose rotation is no unit quaternion', box[name]
    score = box['detection_score']
    if not _are_numbers([score], 1) or not 0 <= score <= 1:
        yield 'boxes whose detection_score is no number from 0 to 1', score
    name, attribute = box['detection_name'], box['attribute_name']
    if name not in NUSCENES_CLASSES:
        yield 'boxes of an unknown detection_name', name
    elif attribute != '' and attribute not in CLASS_ATTRIBUTES[name]:
        yield 'boxes whose attribute_name their class does not have', f'{name} {attribute}'
    # A prediction need not have these, but the devkit reads them where they are.
    if 'ego_translation' in box and not _are_numbers(box['ego_translation'], 3):
        yield 'boxes whose ego_translation is no list of 3 finite numbers', box['ego_translation']
    if 'num_pts' in box and not (type(box['num_pts']) is int and abs(box['num_pts']) < _LARGEST_INT):
        yield 'boxes whose num_pts is no whole number', box['num_pts']


def _are_numbers(values: Any, count: int) -> bool:
    """``count`` finite numbers. Truth values and numbers in quotes are no numbers, nor is an integer beyond int64."""
    return isinstance(values, list) and len(values) == count and all(
        math.isfinite(value) if type(value) is float else type(value) is int and abs(value) < _LARGEST_INT
        for value in values)
