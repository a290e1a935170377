"""Predictions as COCO results: a list of ``image_id, category_id, bbox, score`` and maybe ``track_id``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.evaluation.uav.boxes import Floats, Ints
from perception_kd.evaluation.uav.truth import Truth, check_box
from perception_kd.files import require_file, write_json

_CURE = 'write the predictions again'


@dataclass(frozen=True)
class Predicted:
    """Of one picture.

    Args:
        boxes: ``(D, 4)`` left, top, width, height, px of the original picture.
        scores: ``(D,)``.
        labels: ``(D,)`` index of the class.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    scores: Floats = field(default_factory=lambda: np.zeros(0))
    labels: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def __len__(self) -> int:
        return len(self.scores)

    def above(self, least: float) -> Predicted:
        """Those with this score or more."""
        kept = self.scores >= least
        return Predicted(self.boxes[kept], self.scores[kept], self.labels[kept])


def read_predictions(path: str | Path, truth: Truth) -> dict[int, Predicted]:
    """Predictions by image id; pictures without any are not there.

    Args:
        path: Of the JSON.
        truth: Whose images and categories they must be of; predictions of categories that are in the file's categories
            but are not scored are an error, since a detector has no others.

    Raises:
        FileNotFoundError, ValueError: no such file; damaged; an unknown image or category; a box or score that is no
            finite number.
    """
    rows = read_json(require_file(path, 'predictions'), _CURE)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f'{path}: not COCO results, which are a list of predictions; {_CURE}')
    labels = {category: label for label, category in enumerate(truth.categories)}
    gathered: dict[int, list[tuple[Any, float, int]]] = {}
    for number, row in enumerate(rows):
        what = f'{path}: prediction {number}'
        if lacking := [key for key in ('image_id', 'category_id', 'bbox', 'score') if key not in row]:
            raise ValueError(f'{what} lacks {", ".join(lacking)}; {_CURE}')
        image, category = row['image_id'], row['category_id']
        if not isinstance(image, (int, str)) or image not in truth.images:
            raise ValueError(f'{what} is of image {image!r}, which {truth.source or "the truth"} does not have; give '
                             'the annotations that belong to it')
        if not isinstance(category, (int, str)) or category not in labels:
            known = ', '.join(f'{one} ({name})' for one, name in zip(truth.categories, truth.classes))
            raise ValueError(f'{what} is of category {category!r}; scored are {known}: name the classes')
        if not isinstance(row['score'], (int, float)) or not np.isfinite(row['score']):
            raise ValueError(f'{what}: score is {row["score"]!r}, not a number; {_CURE}')
        gathered.setdefault(image, []).append((check_box(row['bbox'], what), row['score'], labels[category]))
    return {image: Predicted(np.array(boxes), np.array(scores, float), np.array(found))
            for image, (boxes, scores, found) in ((key, zip(*found)) for key, found in gathered.items())}


def predicted_of(sample: Mapping[str, Any]) -> Predicted:
    """What a detector's data sample holds in ``pred_instances``: corners become sizes, tensors arrays.

    Raises:
        ValueError: a box or score that is not finite, or a box turned inside out.
    """
    found = sample['pred_instances']
    corners, scores, labels = (as_array(found[key]) for key in ('bboxes', 'scores', 'labels'))
    corners, scores = corners.astype(np.float64).reshape(-1, 4), scores.astype(np.float64)
    if not (np.isfinite(corners).all() and np.isfinite(scores).all()):
        raise ValueError(f'image {sample["img_id"]}: the detector gives NaN or infinity: has its training diverged?')
    sizes = corners[:, 2:] - corners[:, :2]
    if (sizes < 0).any():
        raise ValueError(f'image {sample["img_id"]}: a predicted box ends before it begins; boxes are left, top, '
                         'right, bottom')
    return Predicted(np.concatenate([corners[:, :2], sizes], axis=1), scores, labels.astype(np.int64))


def as_rows(predictions: Mapping[int, Predicted], categories: Sequence[int]) -> list[dict[str, Any]]:
    """COCO results; ``categories`` are ids in label order."""
    return [dict(image_id=image, category_id=categories[label], bbox=box, score=score)
            for image, one in predictions.items()
            for box, score, label in zip(one.boxes.tolist(), one.scores.tolist(), one.labels.tolist())]


def write_predictions(path: str | Path, predictions: Mapping[int, Predicted], categories: Sequence[int]) -> None:
    """Write COCO results, every digit of them: scored again they give the same figures."""
    write_json(path, as_rows(predictions, categories), indent=None)


def as_array(values: Any) -> np.ndarray:
    """Of a tensor, of mmdet's boxes, or of what is one already."""
    values = getattr(values, 'tensor', values)
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
