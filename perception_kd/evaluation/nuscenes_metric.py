"""The metric that a Runner calls: predictions in, official nuScenes numbers out."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from perception_kd.datasets.nuscenes.stamp import load_infos, refuse_pseudo_labels
from perception_kd.evaluation.doctor import examine, format_findings
from perception_kd.evaluation.doctor.load import frames_of_poses
from perception_kd.evaluation.fast.evaluate import ResultArrays, score
from perception_kd.evaluation.fast.predictions import predictions_from_rows
from perception_kd.evaluation.fast.truth import Truth, load_truth
from perception_kd.evaluation.frames import key_frames, split_tokens
from perception_kd.evaluation.nuscenes_official import evaluate_devkit, result_meta, write_metrics
from perception_kd.evaluation.report import flatten_summary, format_summary
from perception_kd.evaluation.submission import DEFAULT_MODALITY, boxes_to_rows, check_tokens
from perception_kd.evaluation.submission_check import absent_scenes, check_inputs, check_submission
from perception_kd.evaluation.token_owner import naming_owner
from perception_kd.files import write_json
from perception_kd.registry import METRICS
from perception_kd.structures.classes import NUSCENES_CLASSES

RESULT_FILE = 'results_nusc.json'


@METRICS.register_module()
class NuScenesDetMetric(BaseMetric):
    """nuScenes detection metrics, for any version and split.

    Version and split come from the info file. Its key frames are compared with those of the split before the
    first prediction is made.

    Args:
        data_root: nuScenes-format root.
        ann_file: Info file of the split: its name in ``data_root``, or any path.
        jsonfile_prefix: Folder for ``results_nusc.json`` and the metrics; without it nothing is kept.
        format_only: Write the result file and look whether the nuScenes server takes it; compute nothing. The way for
            splits without annotations (``v1.0-test``).
        subset: Predictions may be for a part of the split (``indices`` of the data set, say); that part is
            then scored.
        engine: ``devkit``, whose numbers are the official ones, or ``fast``, which gives the same ones from memory
            and reads the truth once for all validations.
        modality: ``meta`` of the result file (``use_camera``, ``use_lidar``, ``use_radar``, ``use_map``,
            ``use_external``).
        prefix: Put before every metric's name.
        collect_device: ``cpu`` or ``gpu``, see mmengine's ``BaseMetric``.
        doctor: Log which known mistakes of convention the predictions look like, if any.

    Raises:
        FileNotFoundError, ValueError: ``format_only`` without ``jsonfile_prefix`` or with ``subset``; no info file, or
            one whose key frames are not those of the split, or that has no annotation to score with, or pseudo-labels;
            no such engine.
    """

    def __init__(self, *, data_root: str, ann_file: str, jsonfile_prefix: str | None = None,
                 format_only: bool = False, subset: bool = False, engine: str = 'devkit',
                 modality: Mapping[str, bool] | None = None, prefix: str | None = 'nusc',
                 collect_device: str = 'cpu', doctor: bool = True) -> None:
        super().__init__(collect_device=collect_device, prefix=prefix)
        if format_only and jsonfile_prefix is None:
            raise ValueError('format_only needs jsonfile_prefix: the folder that gets results_nusc.json')
        if format_only and subset:
            raise ValueError('format_only is for whole splits, as the server wants them; subset=True is for a part')
        if engine not in ('devkit', 'fast'):
            raise ValueError(f"engine is 'devkit' or 'fast', got {engine!r}")
        inside = Path(data_root) / ann_file
        self.data_root, self.ann_file = data_root, str(inside if inside.is_file() else ann_file)
        self.folder, self.format_only, self.subset = jsonfile_prefix, format_only, subset
        self.engine = engine
        self.doctor = doctor
        self._truth: Truth | None = None  # kept between validations
        self.modality = {**DEFAULT_MODALITY, **(modality or {})}
        stamp, infos = load_infos(self.ann_file)
        refuse_pseudo_labels(stamp, self.ann_file)
        self.version, self.split = stamp['version'], stamp['split']
        self._poses = {info['token']: (info['lidar_points']['lidar2ego'], info['ego2global'])
                       for info in infos}
        self._times = {info['token']: info['timestamp'] for info in infos}
        with naming_owner(data_root):
            check_tokens(self._poses, split_tokens(data_root, self.version, self.split),
                         f'{self.ann_file} (split {self.split} of {data_root})')
        self._fed: set[str] = set()  # inputs that the model was given
        if not format_only and not any(info.get('instances') for info in infos):
            raise ValueError(f'{self.ann_file}: split {self.split} of {self.version} has no annotation to score with '
                             '(test sets are published without); tools/test.py --format-only writes the result file '
                             'for the server')

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        """Keep the result rows of a batch.

        Args:
            data_batch: Its ``inputs`` tell what the model was given.
            data_samples: With ``pred_instances_3d`` (``bboxes_3d`` in the LiDAR frame, ``scores_3d``,
                ``labels_3d``), the sample's token as ``token`` or ``sample_idx`` and, where that LiDAR frame is
                not the info file's (``ToBEVFrame``), its own ``lidar2ego``.
        """
        classes = (self.dataset_meta or {}).get('classes', NUSCENES_CLASSES)
        self._fed.update((data_batch or {}).get('inputs', ()))
        for sample in data_samples:
            token = sample.get('token', sample.get('sample_idx'))
            if token not in self._poses:
                raise ValueError(f'prediction for sample {token!r}, which is not in {self.ann_file}')
            lidar2ego, ego2global = self._poses[token]
            self.results.append((token, rows_of_sample(sample, token=token, classes=classes, lidar2ego=lidar2ego,
                                                       ego2global=ego2global)))

    def compute_metrics(self, results: list[tuple[str, list[dict]]]) -> dict[str, float]:
        """Write the result file, where it is wanted or the devkit reads it, and score; keys: ``flatten_summary``."""
        answers = dict(results)
        check_tokens(answers, answers if self.subset else self._poses, 'predictions')
        answers = {token: answers[token] for token in self._poses if token in answers}
        if self.format_only:
            self._write_checked(answers)
            return {}
        arrays = None
        if self.engine == 'fast':
            if self.folder is not None:
                self._write(self.folder, answers)
            arrays = self._arrays(answers)
            summary = self._score_fast(arrays)
        else:
            summary = self._score_official(answers)
        print_log('\n' + format_summary(summary), logger='current')
        if self.doctor:
            self._log_mistakes(arrays or self._arrays(answers))
        return flatten_summary(summary)

    def _score_official(self, answers: Mapping[str, list[dict]]) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as temporary:
            path = self._write(self.folder or temporary, answers)
            return evaluate_devkit(path, self.data_root, self.version, self.split, self.folder,
                                   sample_tokens=list(answers))

    def _score_fast(self, arrays: ResultArrays) -> dict[str, Any]:
        summary, details = score(arrays.truth, arrays.predictions)
        summary['meta'] = result_meta(arrays.meta, self.data_root, self.version, self.split, 'fast')
        if self.folder is not None:
            write_metrics(self.folder, summary, details)
        return summary

    def _arrays(self, answers: Mapping[str, list[dict]]) -> ResultArrays:
        if self._truth is None or set(self._truth.tokens) != set(answers):
            tokens = key_frames(self.data_root, self.version, self.split, list(answers))
            self._truth = load_truth(self.data_root, self.version, tokens)
        return ResultArrays(self.modality, self._truth, predictions_from_rows(answers, self._truth))

    def _log_mistakes(self, arrays: ResultArrays) -> None:
        """Say which known mistakes the predictions look like, if any."""
        findings = examine(arrays.truth, arrays.predictions,
                           frames_of_poses(self._poses, self._times, arrays.truth))
        if findings:
            print_log('\n' + format_findings(findings), logger='current', level=logging.WARNING)

    def _write_checked(self, answers: Mapping[str, list[dict]]) -> None:
        """Write the file to be sent. A failure of its form is an error; tables that lack scenes are told."""
        path = self._write(self.folder, answers)
        lines = check_submission({'meta': self.modality, 'results': answers}, self._poses)
        lines += check_inputs(self.modality, self._fed) if self._fed else []
        if lines:
            raise ValueError(f'{path}: the nuScenes server would not take this file: {"; ".join(lines)}')
        boxes = sum(map(len, answers.values()))
        print_log(f'result file: {path}: {len(answers)} samples, {boxes} boxes, checked', logger='current')
        absent = absent_scenes(self.data_root, self.version, self.split)
        if absent:
            print_log(f'{path}: not complete: {len(absent)} scenes of split {self.split} are not in the tables of '
                      f'{self.version} ({absent[0]} is the first); the server wants the samples of all',
                      logger='current', level=logging.WARNING)

    def _write(self, folder: str, answers: Mapping[str, list[dict]]) -> Path:
        path = Path(folder) / RESULT_FILE
        write_json(path, {'meta': self.modality, 'results': answers}, indent=None)
        return path


def rows_of_sample(sample: Mapping[str, Any], *, token: str, classes: Sequence[str], lidar2ego: Any,
                   ego2global: Any) -> list[dict]:
    """Rows of a result file from a sample with ``pred_instances_3d``; arguments as for :func:`boxes_to_rows`."""
    found = sample['pred_instances_3d']
    return boxes_to_rows(
        token=token, boxes=_centre_boxes(found['bboxes_3d']), scores=_array(found['scores_3d']),
        labels=_array(found['labels_3d']).astype(int), classes=classes, ego2global=ego2global,
        # The identity where the model sees the ego frame.
        lidar2ego=sample.get('lidar2ego', lidar2ego))


def _centre_boxes(boxes: Any) -> np.ndarray:
    """mmdet3d boxes (z at the bottom) -> (N, 7 or 9) with z at the centre."""
    table = _array(boxes.tensor).astype(np.float64).copy()
    table[:, :3] = _array(boxes.gravity_center)
    return table


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy() if hasattr(values, 'detach') else np.asarray(values)
