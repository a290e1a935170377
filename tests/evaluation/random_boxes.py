"""Random boxes of several scenes as arrays, and what nuscenes-devkit makes of them."""

from __future__ import annotations

import numpy as np
from nuscenes.eval.common.config import config_factory
from nuscenes.eval.common.data_classes import EvalBoxes
from nuscenes.eval.detection.data_classes import DetectionBox
from nuscenes.eval.detection.evaluate import DetectionEval

from perception_kd.evaluation.fast.boxes import ATTRIBUTE_CODES, BoxArrays
from perception_kd.evaluation.report import flatten_summary
from perception_kd.structures.classes import NUSCENES_CLASSES

ATTRIBUTES = {code: name for name, code in ATTRIBUTE_CODES.items()}


def random_truth(rng: np.random.Generator, frames: int, classes: int = 3, most: int = 5) -> BoxArrays:
    """Some boxes in every key frame; some without velocity or attribute."""
    count = int(rng.integers(1, most * frames))
    frame, label = np.sort(rng.integers(0, frames, count)), rng.integers(0, classes, count)
    velocity = rng.normal(0, 3, (count, 2))
    velocity[rng.random(count) < 0.2] = np.nan
    return _boxes(rng, frame, label, rng.uniform(-9, 9, (count, 3)), velocity, np.full(count, -1.0),
                  rng.integers(-1, 8, count))


def random_predictions(rng: np.random.Generator, truth: BoxArrays, frames: int, scores: int | None = None) -> BoxArrays:
    """The truth moved by a metre or so, partly twice, and false alarms; ``scores``: how many different ones."""
    copies = truth.take(np.flatnonzero(rng.random(len(truth)) < 0.8))
    extra = random_truth(rng, frames)
    parts = [np.concatenate([getattr(copies, name), getattr(copies, name), getattr(extra, name)])
             for name in ('frame', 'label', 'translation', 'attribute')]
    order = np.argsort(parts[0], kind='stable')
    frame, label, translation, attribute = (part[order] for part in parts)
    score = rng.random(len(order)) if scores is None else rng.integers(1, scores + 1, len(order)) / scores
    return _boxes(rng, frame, label, translation + rng.normal(0, 0.8, translation.shape),
                  rng.normal(0, 3, (len(order), 2)), score, attribute)


def _boxes(rng: np.random.Generator, frame: np.ndarray, label: np.ndarray, translation: np.ndarray,
           velocity: np.ndarray, score: np.ndarray, attribute: np.ndarray) -> BoxArrays:
    rotation = rng.normal(size=(len(frame), 4)) * [1, 0, 0, 1]
    return BoxArrays(
        frame=frame, label=label, translation=translation, size=rng.uniform(1, 3, (len(frame), 3)),
        rotation=rotation / np.linalg.norm(rotation, axis=1, keepdims=True), velocity=velocity, score=score,
        attribute=attribute, num_pts=np.ones(len(frame)), ego_translation=translation)


def to_devkit(boxes: BoxArrays, frames: int) -> EvalBoxes:
    """The same boxes as the devkit's, key frame by key frame."""
    found = EvalBoxes()
    for frame in range(frames):
        found.add_boxes(str(frame), [_devkit_box(boxes, place) for place in np.flatnonzero(boxes.frame == frame)])
    return found


def _devkit_box(boxes: BoxArrays, place: int) -> DetectionBox:
    return DetectionBox(
        sample_token=str(boxes.frame[place]), translation=tuple(boxes.translation[place]),
        size=tuple(boxes.size[place]), rotation=tuple(boxes.rotation[place]), velocity=tuple(boxes.velocity[place]),
        ego_translation=tuple(boxes.ego_translation[place]), num_pts=int(boxes.num_pts[place]),
        detection_name=NUSCENES_CLASSES[boxes.label[place]], detection_score=float(boxes.score[place]),
        attribute_name=ATTRIBUTES[boxes.attribute[place]])


def devkit_metrics(truth: BoxArrays, predicted: BoxArrays, frames: int) -> dict[str, float]:
    """``flatten_summary`` of what the devkit says of these boxes, nothing filtered."""
    evaluation = DetectionEval.__new__(DetectionEval)
    evaluation.cfg, evaluation.verbose = config_factory('detection_cvpr_2019'), False
    evaluation.gt_boxes, evaluation.pred_boxes = to_devkit(truth, frames), to_devkit(predicted, frames)
    summary = evaluation.evaluate()[0].serialize()
    counts = {name: int((truth.label == label).sum()) for label, name in enumerate(NUSCENES_CLASSES)}
    present = [summary['mean_dist_aps'][name] for name in counts if counts[name]]
    return flatten_summary({**summary, 'num_gt': counts, 'mean_ap_present': np.mean(present) if present else np.nan})


def repeat_frames(boxes: BoxArrays, times: np.ndarray) -> BoxArrays:
    """The data set in which key frame f stands ``times[f]`` times in a row, boxes in the order of key frames."""
    places = [np.flatnonzero(boxes.frame == frame) for frame in np.repeat(np.arange(len(times)), times)]
    numbers = np.repeat(np.arange(times.sum()), [len(some) for some in places])
    return boxes.take(np.concatenate([*places, np.empty(0, int)]).astype(int)).replace(frame=numbers)
