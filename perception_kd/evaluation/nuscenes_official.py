"""The official nuScenes detection metrics, computed by nuscenes-devkit, for any version and split.

All that produces a number is the devkit's: loaders, filters, matching, averages. Ours is the choice of the
key frames (devkit 1.2 takes custom splits, but no part of one), the checks in front, and *mean AP over the
classes present*, since the devkit averages over all ten classes also where a split holds three.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, redirect_stderr
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from perception_kd.datasets.nuscenes.tables import simulated_world
from perception_kd.evaluation.devkit_tables import load_devkit
from perception_kd.evaluation.frames import key_frames, version_tokens
from perception_kd.evaluation.report import format_summary
from perception_kd.evaluation.submission import read_results
from perception_kd.evaluation.token_owner import naming_owner
from perception_kd.files import write_json

if TYPE_CHECKING:
    from nuscenes import NuScenes
    from nuscenes.eval.detection.data_classes import DetectionConfig
    from nuscenes.eval.detection.evaluate import DetectionEval

EVAL_CONFIG = 'detection_cvpr_2019'
SUMMARY_FILE = 'metrics_summary.json'
DETAILS_FILE = 'metrics_details.json'
BoxFilter = Callable[['DetectionEval'], None]


def evaluate_devkit(results_json: str | Path, data_root: str | Path, version: str, split: str,
                    out_dir: str | Path | None = None, verbose: bool = False, *,
                    sample_tokens: Sequence[str] | None = None,
                    box_filter: BoxFilter | None = None) -> dict[str, Any]:
    """Score a result file.

    Args:
        results_json: File in the submission format.
        data_root: nuScenes-format root.
        version: For example ``v1.0-mini``.
        split: A split of ``splits.json``, or an official one.
        out_dir: Gets ``metrics_summary.json`` and ``metrics_details.json``; nothing is written without it.
        verbose: Print what the devkit prints, and the table.
        sample_tokens: Evaluate these key frames of the split only.
        box_filter: Called with the evaluation after the devkit's own filters; see ``subsets``.

    Returns:
        The devkit's summary; ``meta`` names version, split, ``world`` (empty for real recordings) and engine. Beside:
        ``mean_ap_present``, ``classes_present``, ``num_gt``, ``num_pred`` and ``num_samples``.

    Raises:
        FileNotFoundError, ValueError: bad paths, another set of samples, bad numbers, a split without truth.
    """
    tokens = key_frames(data_root, version, split, sample_tokens)
    with naming_owner(data_root):
        content = read_results(results_json, tokens, version_tokens(data_root, version))
    with nullcontext() if verbose else redirect_stderr(io.StringIO()):  # the devkit's progress bars
        evaluation = devkit_evaluation(load_devkit(data_root, version), content, tokens, results_json, verbose)
    if box_filter is not None:
        box_filter(evaluation)
    summary, details = score_official(evaluation)
    summary['meta'] = result_meta(content['meta'], data_root, version, split, 'devkit', str(box_filter or ''))
    if out_dir is not None:
        write_metrics(out_dir, summary, details)
    if verbose:
        print(format_summary(summary))
    return summary


def score_official(evaluation: DetectionEval) -> tuple[dict[str, Any], dict[str, Any]]:
    """The devkit's summary, with counts and the mean AP over the classes present, and its details.

    Raises:
        ValueError: boxes that the devkit cannot score.
    """
    try:
        metrics, details = evaluation.evaluate()
    except AssertionError as error:
        reason = str(error) or 'its curve of confidence does not fall; are there scores below 0?'
        raise ValueError(f'{evaluation.result_path}: nuscenes-devkit cannot score these boxes: {reason}') from None
    summary, counts = metrics.serialize(), Counter(box.detection_name for box in evaluation.gt_boxes.all)
    add_counts(summary, {name: counts[name] for name in evaluation.cfg.class_names}, len(evaluation.pred_boxes.all),
               len(evaluation.sample_tokens))
    return summary, details.serialize()


def result_meta(meta: Mapping[str, Any], data_root: str | Path, version: str, split: str,
                engine: str, subset: str = '') -> dict[str, Any]:
    """``meta`` of a summary: that of the result file, and what was evaluated by which engine; ``subset`` in words."""
    return dict(meta, version=version, split=split, world=simulated_world(data_root, version), engine=engine,
                subset=subset)


def add_counts(summary: dict[str, Any], num_gt: dict[str, int], num_pred: int, num_samples: int) -> None:
    """Add the numbers of what is left after all filters, and the mean AP over the classes that have truth."""
    aps = summary['mean_dist_aps']
    present = [name for name, count in num_gt.items() if count]
    summary['classes_present'] = present
    summary['mean_ap_present'] = float(np.mean([aps[name] for name in present])) if present else float('nan')
    summary.update(num_gt=num_gt, num_pred=num_pred, num_samples=num_samples)


def write_metrics(out_dir: str | Path, summary: Mapping[str, Any], details: Mapping[str, Any]) -> None:
    """Write ``metrics_summary.json`` and ``metrics_details.json``, as the devkit names them."""
    write_json(Path(out_dir) / SUMMARY_FILE, summary)
    write_json(Path(out_dir) / DETAILS_FILE, details, indent=None)


def devkit_evaluation(nusc: NuScenes, content: dict[str, Any], tokens: Sequence[str], results_json: str | Path,
                      verbose: bool = False, cfg: DetectionConfig | None = None) -> DetectionEval:
    """A devkit evaluation of exactly these key frames, filters applied.

    The devkit's constructor knows whole splits only and makes an empty folder for plots; its steps are taken
    here one by one, with its own functions.

    Args:
        nusc: The devkit's tables.
        content: As :func:`~perception_kd.evaluation.submission.read_results` gives it.
        tokens: The key frames.
        results_json: Where the content is from, for messages.
        verbose: Let the devkit print.
        cfg: Settings of the metrics; the official ones without.

    Raises:
        ValueError: no true box in these key frames, or a predicted one that the devkit refuses.
    """
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.common.loaders import add_center_dist, filter_eval_boxes, load_gt_of_sample_tokens
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

    evaluation = DetectionEval.__new__(DetectionEval)
    evaluation.nusc, evaluation.cfg, evaluation.verbose = nusc, cfg or config_factory(EVAL_CONFIG), verbose
    evaluation.result_path, evaluation.meta = str(results_json), content['meta']
    truth = load_gt_of_sample_tokens(nusc, tokens, DetectionBox, verbose=verbose)
    if not truth.all:
        raise ValueError(f'{nusc.table_root}: the {len(tokens)} samples to evaluate have no annotated boxes '
                         'of the ten classes (test sets are published without)')
    chosen = {token: content['results'][token] for token in tokens}
    try:
        predictions = EvalBoxes.deserialize(chosen, DetectionBox)
    except AssertionError as error:
        raise ValueError(f'{results_json}: {error}') from None
    for name, boxes in (('gt_boxes', truth), ('pred_boxes', predictions)):
        boxes = add_center_dist(nusc, boxes)
        if boxes.all:  # the devkit's filter stops on a result file without a single box
            boxes = filter_eval_boxes(nusc, boxes, evaluation.cfg.class_range, verbose=verbose)
        setattr(evaluation, name, boxes)
    evaluation.sample_tokens = truth.sample_tokens
    return evaluation
