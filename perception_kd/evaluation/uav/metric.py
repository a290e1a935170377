"""The metric that a Runner calls for drones in pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log
from numpy.typing import NDArray

from perception_kd.evaluation.uav.predictions import Predicted, as_array, predicted_of, write_predictions
from perception_kd.evaluation.uav.rules import IOU_THRS, UAVRules
from perception_kd.evaluation.uav.score import UAVScores, score
from perception_kd.evaluation.uav.table import format_scores
from perception_kd.evaluation.uav.truth import CLASSES, Image, TrueBoxes, Truth, read_truth
from perception_kd.files import fingerprint, write_json
from perception_kd.provenance import commit
from perception_kd.registry import METRICS

METRICS_FILE, RESULTS_FILE = 'uav_metrics.json', 'results_uav.json'


@METRICS.register_module()
class UAVMetric(BaseMetric):
    """COCO's AP with AI-TOD's sizes, and precision, recall and false alarms at the threshold of deployment.

    Predictions (``pred_instances`` of each sample) and truth are in pixels of the original picture. All images that
    were predicted count, those without predictions too; images without a box of ``classes`` are the negatives.

    Args:
        ann_file: COCO JSON of the truth; None: each sample brings its own, as ``instances`` in its metainfo (mmdet's,
            corners in pixels of the original picture), else as ``gt_instances`` (in pixels of the network's input).
        layout: Of the data set. A ``yolo`` folder has no ``ann_file``: samples bring their truth, whatever is named.
        classes: To score, in label order; None: those of the data set, else ``drone``.
        score_thr, iou_thr, iou_thrs, max_dets, nwd: See :class:`UAVRules`.
        save_dir: Folder for ``uav_metrics.json`` and ``results_uav.json``, which ``tools/evaluate.py uav`` scores to
            the same figures; None: nothing is kept.
        format_only: Write predictions, score nothing; for pictures without truth.
        prefix: Of the figures: name of the data set.
        collect_device: As in mmengine.

    Raises:
        ValueError: numbers that are no rules, or ``format_only`` without a place to write.
    """

    def __init__(self, *, ann_file: str | None = None, layout: str = 'coco', classes: Sequence[str] | None = None,
                 score_thr: float = 0.25, iou_thr: float = 0.5, iou_thrs: Sequence[float] = IOU_THRS,
                 max_dets: int = 100, nwd: float | None = None, save_dir: str | None = None, format_only: bool = False,
                 prefix: str = 'uav', collect_device: str = 'cpu') -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and save_dir is None:
            raise ValueError('format_only needs save_dir: where predictions go')
        self.rules = UAVRules(score_thr=score_thr, iou_thr=iou_thr, iou_thrs=iou_thrs, max_dets=max_dets, nwd=nwd)
        self.ann_file = None if layout == 'yolo' else ann_file
        self.save_dir, self.format_only = save_dir, format_only
        self._classes = tuple(classes) if classes is not None else None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in label order."""
        found = self._classes or (self.dataset_meta or {}).get('classes') or CLASSES
        return (found,) if isinstance(found, str) else tuple(found)

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Note what was predicted.

        Args:
            data_batch: Not looked at.
            data_samples: Of ``DetDataSample``: ``img_id``, ``pred_instances`` with ``bboxes`` (left, top, right,
                bottom), ``scores`` and ``labels``; without ``ann_file`` also ``instances``.

        Raises:
            ValueError: a prediction that is not finite or of no class, or a sample without truth.
        """
        for sample in data_samples:
            predicted = predicted_of(sample)
            if len(predicted) and not 0 <= predicted.labels.min() <= predicted.labels.max() < len(self.classes):
                raise ValueError(f'image {sample["img_id"]}: the detector predicts label {predicted.labels.max()}, the '
                                 f'classes are {", ".join(self.classes)}')
            own = _own_truth(sample) if self.ann_file is None and not self.format_only else None
            self.results.append((sample['img_id'], predicted, own))

    def compute_metrics(self, results: list[tuple[int, Predicted, Image | None]]) -> dict[str, float]:
        """Print the table and give the figures.

        Raises:
            ValueError: an image that was predicted twice, or that the truth does not have.
        """
        predictions = {image: predicted for image, predicted, _ in results}
        if len(predictions) < len(results):
            ids = [image for image, _, _ in results]
            twice = next(image for image in ids if ids.count(image) > 1)
            raise ValueError(f'image {twice} was predicted twice: its data set has it twice, or two have one numbering')
        if self.format_only:
            categories = range(1, len(self.classes) + 1) if self.ann_file is None else read_truth(
                self.ann_file, self.classes).categories
            self._write(predictions, categories)
            return {}
        scores = score(self._truth(results), predictions, self.rules, name=self.prefix)
        print_log('\n' + format_scores(scores), logger='current')
        if self.save_dir is not None:
            self._write(predictions, scores.truth.categories)
            write_metrics(Path(self.save_dir) / METRICS_FILE, scores)
        return dict(scores.figures)

    def _truth(self, results: Sequence[tuple[int, Predicted, Image | None]]) -> Truth:
        if self.ann_file is None:
            return Truth({image: own for image, _, own in results}, self.classes,
                         tuple(range(1, len(self.classes) + 1)))
        truth = read_truth(self.ann_file, self.classes)
        ids = [image for image, _, _ in results]
        unknown = next((image for image in ids if image not in truth.images), None)
        if unknown is not None:
            raise ValueError(f'{self.ann_file}: image {unknown} was predicted and is not there; give the annotations '
                             'of the data set that is predicted')
        return truth.only(ids)

    def _write(self, predictions: Mapping[int, Predicted], categories: Sequence[int]) -> None:
        path = Path(self.save_dir) / RESULTS_FILE
        write_predictions(path, predictions, categories)
        print_log(f'predictions: {path}: {len(predictions)} images', logger='current')


def write_metrics(path: str | Path, scores: UAVScores, **more: Any) -> None:
    """Write figures, counts, curve and worst pictures as JSON, with what they were made of and with."""
    source = scores.truth.source
    made = dict(commit=commit(), annotations_fingerprint=fingerprint(source) if source else None)
    write_json(path, {'metric': 'uav', **made, **more, **scores.as_dict()})


def _own_truth(sample: Mapping[str, Any]) -> Image:
    """Of a sample that carries it.

    Raises:
        ValueError: it does not.
    """
    corners, labels, ignored = _own_boxes(sample)
    boxes = np.concatenate([corners[:, :2], corners[:, 2:] - corners[:, :2]], axis=1)
    name, video = str(sample.get('img_path', sample['img_id'])), sample.get('video_id')
    return Image(name, name if video is None else str(video), TrueBoxes(boxes, labels, ignored))


def _own_boxes(sample: Mapping[str, Any]) -> tuple[NDArray, NDArray, NDArray]:
    """Corners (G, 4) in pixels of the original picture, classes and whether they are ignored (G,)."""
    rows = sample.get('instances')
    if rows is not None:
        return (np.array([row['bbox'] for row in rows], np.float64).reshape(-1, 4),
                np.array([row['bbox_label'] for row in rows], np.int64),
                np.array([bool(row.get('ignore_flag', 0)) for row in rows], bool))
    if sample.get('gt_instances') is None or 'bboxes' not in sample['gt_instances']:
        raise ValueError(f'image {sample["img_id"]} has no truth: give UAVMetric an ann_file, or load annotations in '
                         'the pipeline')
    parts = [sample['gt_instances'], sample.get('ignored_instances') or {}]
    parts = [part for part in parts if 'bboxes' in part]
    corners = np.concatenate([as_array(part['bboxes']).reshape(-1, 4) for part in parts]).astype(np.float64)
    labels = np.concatenate([as_array(part['labels']) for part in parts]).astype(np.int64)
    return corners / np.tile(np.asarray(sample.get('scale_factor', (1.0, 1.0)), np.float64), 2), labels, np.repeat(
        [False, True][:len(parts)], [len(as_array(part['labels'])) for part in parts])
