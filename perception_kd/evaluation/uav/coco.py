"""AP and AR by pycocotools: its matching and its ``accumulate``, with our sizes, and means of our own.

Its ``summarize`` knows its own sizes only; so the means come from ``eval['precision']`` and leave out the -1 of what
has no true box, as it does.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from contextlib import redirect_stdout
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from perception_kd.evaluation.uav.predictions import Predicted
from perception_kd.evaluation.uav.rules import AREA_RANGES, UAVRules
from perception_kd.evaluation.uav.truth import Truth


def run_coco(truth: Truth, predictions: Mapping[int, Predicted], rules: UAVRules) -> COCOeval:
    """An evaluator that has matched and accumulated; ``eval['precision']`` is ``(T, 101, K, A, 1)`` with sizes A in the
    order of ``AREA_RANGES``. Areas are width times height of the boxes, true ones too."""
    annotations = [_row(number, image, box, label, crowd)
                   for number, (image, box, label, crowd) in enumerate(_true(truth), 1)]
    results = [_row(number, image, box, label, False, score=score)
               for number, (image, box, label, score) in enumerate(_found(truth, predictions), 1)]
    with redirect_stdout(io.StringIO()):  # it tells of its progress by print
        evaluator = COCOeval(_coco(truth, annotations), _coco(truth, results), 'bbox')
        evaluator.params.areaRng = [list(ends) for ends in AREA_RANGES.values()]
        evaluator.params.areaRngLbl = list(AREA_RANGES)
        evaluator.params.maxDets = [rules.max_dets]
        evaluator.params.iouThrs = np.array(rules.iou_thrs)
        evaluator.evaluate()
        evaluator.accumulate()
    return evaluator


def averages(evaluator: COCOeval, rules: UAVRules) -> dict[str, float]:
    """AP and AR over all sizes and by size; NaN where there is no true box."""
    precision, recall = evaluator.eval['precision'][..., 0], evaluator.eval['recall'][..., 0]
    figures = {name: known_mean(precision[indices, :, :, 0]) for name, indices in rules.headlines.items()}
    sizes = list(enumerate(AREA_RANGES))[1:]
    figures.update({f'AP_{name}': known_mean(precision[..., place]) for place, name in sizes})
    figures[rules.recall_key] = known_mean(recall[..., 0])
    figures.update({f'{rules.recall_key}_{name}': known_mean(recall[..., place]) for place, name in sizes})
    return figures


def known_mean(values: NDArray[np.float64]) -> float:
    """Mean of what is not -1; NaN where nothing is known."""
    known = values[values > -1]
    return float(known.mean()) if known.size else math.nan


def _true(truth: Truth) -> Any:
    for image, one in truth.images.items():
        for box, label, crowd in zip(one.truth.boxes.tolist(), one.truth.labels.tolist(), one.truth.ignored.tolist()):
            yield image, box, label, crowd


def _found(truth: Truth, predictions: Mapping[int, Predicted]) -> Any:
    for image in truth.images:
        one = predictions.get(image, Predicted())
        for box, label, score in zip(one.boxes.tolist(), one.labels.tolist(), one.scores.tolist()):
            yield image, box, label, score


def _row(number: int, image: int, box: list[float], label: int, crowd: bool, **more: Any) -> dict[str, Any]:
    return dict(id=number, image_id=image, category_id=label, bbox=box, area=box[2] * box[3], iscrowd=int(crowd),
                **more)


def _coco(truth: Truth, rows: list[dict[str, Any]]) -> COCO:
    coco = COCO()
    coco.dataset = dict(images=[dict(id=image) for image in truth.images], annotations=rows,
                        categories=[dict(id=label, name=name) for label, name in enumerate(truth.classes)])
    coco.createIndex()
    return coco
