"""Result files of one or several models as arrays, with the boxes that count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.tables import simulated_world
from perception_kd.evaluation.fast.boxes import BoxArrays
from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.predictions import load_predictions
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import Truth, load_truth
from perception_kd.evaluation.frames import key_frames, version_tokens
from perception_kd.evaluation.subsets import BoxSubset
from perception_kd.evaluation.token_owner import naming_owner
from perception_kd.files import require_file


@dataclass(frozen=True)
class Answers:
    """Models' answers to the same key frames, after the devkit's filters and a subset's.

    Args:
        truth: The true boxes that count.
        predicted: Those of each result file.
        settings: Of the metric.
        meta: Version, split, simulated world, numbers of scenes and key frames, and the subset in words.
    """

    truth: Truth
    predicted: tuple[BoxArrays, ...]
    settings: OfficialSettings
    meta: dict[str, Any] = field(default_factory=dict)


def load_answers(results: Sequence[str | Path], data_root: str | Path, version: str, split: str, *,
                 sample_tokens: Sequence[str] | None = None, subset: BoxSubset | None = None) -> Answers:
    """Read truth and result files.

    Args:
        results: Files in the submission format.
        data_root, version, split, sample_tokens: As for
            :func:`~perception_kd.evaluation.nuscenes_official.evaluate_devkit`.
        subset: Further boxes that do not count.

    Raises:
        FileNotFoundError, ValueError: bad paths, result files of other samples, a split without truth.
    """
    for path in results:
        require_file(path, 'result file')
    settings, known = OfficialSettings(), version_tokens(data_root, version)
    whole = load_truth(data_root, version, key_frames(data_root, version, split, sample_tokens))
    counting = filter_truth(whole, settings.class_range)
    truth, predicted = counting, []
    for path in results:
        with naming_owner(data_root):
            boxes = load_predictions(path, whole, known)
        boxes = filter_boxes(boxes, whole.racks, settings.class_range)
        _check_sizes(path, boxes, whole.tokens)
        if subset is not None:
            truth, boxes = subset.subset(counting, boxes)
        predicted.append(boxes)
    meta = dict(version=version, split=split, world=simulated_world(data_root, version), scenes=len(whole.scenes),
                key_frames=len(whole.tokens), subset=str(subset or ''))
    return Answers(truth, tuple(predicted), settings, meta)


def _check_sizes(path: str | Path, boxes: BoxArrays, tokens: Sequence[str]) -> None:
    wrong = np.flatnonzero(~(boxes.size > 0).all(axis=1))
    if len(wrong):
        raise ValueError(f'{path}: sample {tokens[boxes.frame[wrong[0]]]}: {len(wrong)} boxes have a size like '
                         f'{boxes.size[wrong[0]].tolist()}; width, length and height must be above 0')
