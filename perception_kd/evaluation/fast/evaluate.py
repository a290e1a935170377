"""``evaluate_devkit`` without the devkit: the same arguments, checks, summary and files, on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from perception_kd.evaluation.fast.boxes import LABELS, BoxArrays
from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.metrics import evaluate_arrays
from perception_kd.evaluation.fast.predictions import load_results
from perception_kd.evaluation.fast.settings import DetectionSettings, OfficialSettings
from perception_kd.evaluation.fast.truth import Truth, load_truth
from perception_kd.evaluation.frames import key_frames, version_tokens
from perception_kd.evaluation.nuscenes_official import add_counts, result_meta, write_metrics
from perception_kd.evaluation.report import format_summary
from perception_kd.evaluation.token_owner import naming_owner
from perception_kd.files import require_file


class ArrayFilter(Protocol):
    """Chooses boxes after the devkit's own filters; ``subsets.BoxSubset`` is one."""

    def subset(self, truth: Truth, predictions: BoxArrays) -> tuple[Truth, BoxArrays]:
        """The boxes that count."""


@dataclass(frozen=True)
class ResultArrays:
    """A result file beside its truth, both unfiltered.

    Args:
        meta: Of the result file.
        truth, predictions: For the same key frames.
    """

    meta: Mapping[str, Any]
    truth: Truth
    predictions: BoxArrays


def load_arrays(results_json: str | Path, data_root: str | Path, version: str, split: str,
                sample_tokens: Sequence[str] | None = None) -> ResultArrays:
    """Read a result file and the truth of its key frames.

    Raises:
        FileNotFoundError, ValueError: bad paths, a broken file, another set of samples, a split without truth.
    """
    require_file(results_json, 'result file')  # said before the tables are read
    truth = load_truth(data_root, version, key_frames(data_root, version, split, sample_tokens))
    with naming_owner(data_root):
        meta, predictions = load_results(results_json, truth, version_tokens(data_root, version))
    return ResultArrays(meta, truth, predictions)


def evaluate_fast(results_json: str | Path, data_root: str | Path, version: str, split: str,
                  out_dir: str | Path | None = None, verbose: bool = False, *,
                  sample_tokens: Sequence[str] | None = None, box_filter: ArrayFilter | None = None,
                  arrays: ResultArrays | None = None) -> dict[str, Any]:
    """Score a result file; everything as in ``nuscenes_official.evaluate_devkit``, but for ``meta.engine``.

    Args:
        arrays: What :func:`load_arrays` gives for the same arguments, where it was read before.
    """
    arrays = arrays or load_arrays(results_json, data_root, version, split, sample_tokens)
    try:
        summary, details = score(arrays.truth, arrays.predictions, box_filter=box_filter)
    except ValueError as error:
        raise ValueError(f'{results_json}: {error}') from None
    summary['meta'] = result_meta(arrays.meta, data_root, version, split, 'fast', str(box_filter or ''))
    if out_dir is not None:
        write_metrics(out_dir, summary, details)
    if verbose:
        print(format_summary(summary))
    return summary


def score(truth: Truth, predictions: BoxArrays, *, box_filter: ArrayFilter | None = None,
          settings: DetectionSettings | None = None) -> tuple[dict[str, Any], dict[str, Any]]:
    """Filter and score boxes in memory.

    Args:
        truth, predictions: Not filtered yet.
        box_filter: Chooses boxes after the devkit's filters.
        settings: Of the metrics; the official ones without.

    Returns:
        The summary of ``evaluate_devkit``, but for ``meta``, and the details.
    """
    settings = settings or OfficialSettings()
    predictions = filter_boxes(predictions, truth.racks, settings.class_range)
    truth = filter_truth(truth, settings.class_range)
    if box_filter is not None:
        truth, predictions = box_filter.subset(truth, predictions)
    summary, details = evaluate_arrays(truth.boxes, predictions, settings)
    counts = np.bincount(truth.boxes.label, minlength=len(LABELS)).tolist()
    add_counts(summary, {name: counts[LABELS[name]] for name in settings.class_range}, len(predictions),
               len(truth.tokens))
    return summary, details
