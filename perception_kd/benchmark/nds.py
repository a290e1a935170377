"""The detection metrics of a large split: nuscenes-devkit against arrays, from memory and from file to file."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perception_kd.benchmark.nds_answers import split_answer
from perception_kd.benchmark.nds_tables import VERSION
from perception_kd.benchmark.nds_world import RESULTS, SPLIT, WorldSize, write_world
from perception_kd.benchmark.timing import Comparison, Report, Work, compare
from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.evaluation.fast.evaluate import evaluate_fast, score
from perception_kd.evaluation.fast.predictions import load_predictions
from perception_kd.evaluation.fast.truth import load_truth
from perception_kd.evaluation.frames import split_tokens
from perception_kd.evaluation.nuscenes_official import DETAILS_FILE, EVAL_CONFIG, SUMMARY_FILE

_SIDES = ('nuscenes-devkit', 'arrays')


def benchmark_nds(size: WorldSize, *, runs: int = 1) -> Report:
    """Time both engines on a world made for it.

    "From memory": filters and metrics of boxes that are loaded. "File to file": tables and result file read, filters,
    metrics, summary and details written. Of both, every value of summary and details is compared.

    Args:
        size: Of the world.
        runs: Measured runs of each side; nothing is run before.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_world(root, size)
        report = Report('nds', dict(asdict(size), result_file_bytes=(root / RESULTS).stat().st_size))
        report.columns['from memory'] = _compare(_devkit_memory(root), _fast_memory(root), runs)
        report.columns['file to file'] = _compare(partial(_devkit_files, root), partial(_fast_files, root), runs)
    return report


def _compare(theirs: Work, ours: Work, runs: int) -> Comparison:
    return compare((_SIDES[0], theirs), (_SIDES[1], ours), runs=runs, warm_up=False)


def _devkit_memory(root: Path) -> Work:
    """The devkit on boxes that its own loaders have read."""
    from nuscenes import NuScenes
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.common.data_classes import EvalBoxes
    from nuscenes.eval.common.loaders import (
        add_center_dist,
        filter_eval_boxes,
        load_gt_of_sample_tokens,
        load_prediction_of_sample_tokens,
    )
    from nuscenes.eval.detection.data_classes import DetectionBox
    from nuscenes.eval.detection.evaluate import DetectionEval

    nusc, cfg, tokens = NuScenes(VERSION, str(root), verbose=False), config_factory(EVAL_CONFIG), _tokens(root)
    with redirect_stderr(io.StringIO()):  # its progress bars
        loaded = dict(gt_boxes=load_gt_of_sample_tokens(nusc, tokens, DetectionBox),
                      pred_boxes=load_prediction_of_sample_tokens(str(root / RESULTS), 500, DetectionBox, tokens)[0])
    loaded = {name: add_center_dist(nusc, boxes) for name, boxes in loaded.items()}

    def work() -> dict[str, Tensor]:
        evaluation = DetectionEval.__new__(DetectionEval)
        evaluation.nusc, evaluation.cfg, evaluation.verbose = nusc, cfg, False
        for name, boxes in loaded.items():
            fresh = EvalBoxes()
            fresh.boxes.update(boxes.boxes)  # the filter replaces lists, not what is in them
            setattr(evaluation, name, filter_eval_boxes(nusc, fresh, cfg.class_range))
        metrics, details = evaluation.evaluate()
        return _answer(metrics.serialize(), details.serialize())

    return work


def _fast_memory(root: Path) -> Work:
    truth = load_truth(root, VERSION, SPLIT)
    predictions = load_predictions(root / RESULTS, truth)
    return lambda: _answer(*score(truth, predictions))


def _devkit_files(root: Path) -> dict[str, Tensor]:
    from nuscenes import NuScenes
    from nuscenes.eval.common.config import config_factory
    from nuscenes.eval.detection.evaluate import DetectionEval

    with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
        nusc = NuScenes(VERSION, str(root), verbose=False)
        DetectionEval(nusc, config_factory(EVAL_CONFIG), str(root / RESULTS), SPLIT, str(root / 'devkit'),
                      verbose=False).main(render_curves=False)
    return _read_answer(root / 'devkit')


def _fast_files(root: Path) -> dict[str, Tensor]:
    evaluate_fast(root / RESULTS, root, VERSION, SPLIT, root / 'fast')
    return _read_answer(root / 'fast')


def _tokens(root: Path) -> list[str]:
    return split_tokens(root, VERSION, SPLIT)


def _read_answer(folder: Path) -> dict[str, Tensor]:
    return _answer(read_json(folder / SUMMARY_FILE), read_json(folder / DETAILS_FILE))


def _answer(summary: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, Tensor]:
    """All numbers of an answer; where one is NaN; and that one has the other's keys is seen by the sizes."""
    keys = ('label_aps', 'mean_dist_aps', 'mean_ap', 'label_tp_errors', 'tp_errors', 'tp_scores', 'nd_score', 'cfg')
    numbers = torch.from_numpy(split_answer(({key: summary[key] for key in keys}, dict(details)))[1])
    return dict(values=numbers.nan_to_num(), nan=numbers.isnan().double(), nd_score=torch.tensor(summary['nd_score']))
