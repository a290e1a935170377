"""A run's result file beside the truth, read once for all sections: what the doctor says, and what it found where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from perception_kd.evaluation.doctor import Finding
from perception_kd.evaluation.doctor.examine import examine
from perception_kd.evaluation.doctor.load import load_frames
from perception_kd.evaluation.fast.filters import filter_boxes, filter_truth
from perception_kd.evaluation.fast.predictions import load_predictions
from perception_kd.evaluation.fast.settings import OfficialSettings
from perception_kd.evaluation.fast.truth import Truth, load_truth
from perception_kd.evaluation.frames import version_tokens
from perception_kd.evaluation.resampling.ranking import Ranking, rank
from perception_kd.evaluation.slices.families import default_slices, of_families
from perception_kd.evaluation.slices.scores import SlicedAnswers, SliceScore, score_slices
from perception_kd.evaluation.token_owner import naming_owner
from perception_kd.visualization.report.frame_scores import FrameMatches
from perception_kd.visualization.report.runs import Run

FAMILIES = ('distance', 'light', 'weather', 'speed', 'visibility')


@dataclass(frozen=True)
class Examined:
    """What a result file says; it is much smaller than the file.

    Args:
        truth: True boxes that count.
        findings: The doctor's.
        matches: Of the predictions that count.
        rankings: Of the same by class, for resamples of the scenes.
        slices: AP and errors by :data:`FAMILIES`.
    """

    truth: Truth
    findings: tuple[Finding, ...]
    matches: FrameMatches
    rankings: Mapping[str, Ranking]
    slices: tuple[SliceScore, ...]


def can_examine(run: Run) -> bool:
    """Whether result file and data are on this machine."""
    data = run.data
    return bool(run.results and data.root and data.version and data.split)


def examine_run(run: Run) -> Examined:
    """Read and examine a run's result file; the second time, what came out the first time.

    Args:
        run: One that :func:`can_examine` agrees to.

    Raises:
        FileNotFoundError, ValueError: a broken or unfitting result file or table, or a split without truth.
    """
    return _examine(run.results, run.data.root, run.data.version, run.data.split)


@cache
def _examine(results: Path, root: Path, version: str, split: str) -> Examined:
    whole, settings = _truth(root, version, split), OfficialSettings()
    limits = settings.class_range
    with naming_owner(root):
        predicted = load_predictions(results, whole, version_tokens(root, version))
    findings = examine(whole, predicted, load_frames(root, version, whole))
    truth, counting = filter_truth(whole, limits), filter_boxes(predicted, whole.racks, limits)
    slices = score_slices(SlicedAnswers(truth, counting, settings), of_families(FAMILIES, default_slices()))
    return Examined(truth, tuple(findings), FrameMatches(truth, counting),
                    rank(truth.boxes, counting, truth.scene, settings), tuple(slices))


@lru_cache(maxsize=2)
def _truth(root: Path, version: str, split: str) -> Truth:
    return load_truth(root, version, split)
