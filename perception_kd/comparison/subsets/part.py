"""A run's score on each subset, from its stored result file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.comparison.metrics import kind_of, prefix_of
from perception_kd.comparison.parts import Found, require_there
from perception_kd.comparison.place import Place
from perception_kd.comparison.subsets.choice import LEAST_BOXES, choose_slices, families_of
from perception_kd.comparison.subsets.table import subset_tables
from perception_kd.engine.stages import RESULTS
from perception_kd.evaluation.answers import load_answers
from perception_kd.evaluation.slices.families import key_of
from perception_kd.evaluation.slices.scores import SlicedAnswers, SliceScore, score_slices
from perception_kd.evaluation.slices.sectors import load_cameras

OF_DRONES = {'size': {'very tiny, to 8 px': 'AP_vt', 'tiny, 8-16 px': 'AP_t', 'small, 16-32 px': 'AP_s',
                      'medium, 32+ px': 'AP_m'}}
CAMERA = 'camera'


class Subsets:
    """Scores by family and slice, in a run's file and in the report.

    Args:
        words: As :func:`~perception_kd.comparison.subsets.choice.choose_slices` takes them; for drones ``size``.
        cfg: Of a run, for its task.

    Raises:
        ValueError: No such family or value, or a task without subsets.
    """

    key = 'subsets'

    def __init__(self, words: Sequence[str], cfg: Config) -> None:
        self.words, kind = list(words), kind_of(cfg)
        if kind == 'UAVMetric':
            unknown = sorted(set(words) - set(OF_DRONES))
            if unknown:
                raise ValueError(f'--subsets: drones have {", ".join(OF_DRONES)}, not {", ".join(unknown)}')
            self.families, self._wanted = list(words), [(family, name) for family in words
                                                        for name in OF_DRONES[family]]
        elif kind == 'NuScenesDetMetric':
            self.families = families_of(words)
            self._wanted = [(key_of(one.family), one.name) for one in choose_slices(words)]
        else:
            raise ValueError(f'--subsets is for detection, not for what {kind or "several evaluators"} scores')

    def lacks(self, found: Found) -> bool:
        """Whether any slice that is asked for is missing; the cameras' names are known once they are scored."""
        stored = found.get(self.key) or {}
        return any(family not in stored or (name not in stored[family] and family != CAMERA)
                   for family, name in self._wanted)

    def gather(self, found: Found, cfg: Config, folder: Path | None) -> dict[str, dict[str, Any]]:
        """All that were scored before, and those that are asked for.

        Raises:
            OSError, ValueError: The result file is gone or of other data.
        """
        stored = {family: dict(slices) for family, slices in (found.get(self.key) or {}).items()}
        if kind_of(cfg) == 'UAVMetric':
            fresh = of_metrics(found['metrics'], self.families, prefix_of(cfg))
        else:
            fresh = score_subsets(require_there(folder, RESULTS, 'its result file'), Place.of(cfg), self.words)
        return {family: {**stored.get(family, {}), **fresh.get(family, {})} for family in {**stored, **fresh}}

    def section(self, results: Sequence[Found], names: Sequence[str], teachers: Mapping[str, Found]) -> list[str]:
        """Lines of the report."""
        return subset_tables(results, names, self.families, teachers)


def score_subsets(results: Path, place: Place, words: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Family -> slice -> ``boxes``, ``scenes``, ``classes``, ``AP`` and errors, of a result file."""
    answers = load_answers([results], place.root, place.version, place.split, sample_tokens=place.frames([results]))
    slices = choose_slices(words, load_cameras(place.root, place.version) if CAMERA in families_of(words) else ())
    found: dict[str, dict[str, Any]] = {}
    for one in score_slices(SlicedAnswers(answers.truth, answers.predicted[0], answers.settings), slices,
                            min_boxes=LEAST_BOXES, resamples=0):
        found.setdefault(key_of(one.family), {})[one.name] = _plain(one)
    return found


def _plain(score: SliceScore) -> dict[str, Any]:
    return dict(boxes=score.boxes, scenes=score.scenes, classes=list(score.classes), AP=score.ap, **score.errors)


def of_metrics(metrics: Mapping[str, float | None], families: Sequence[str], prefix: str) -> dict[str, dict[str, Any]]:
    """The same of a drone detector, whose metrics hold them; its boxes are not counted.

    Args:
        metrics: Of the run.
        families: Of :data:`OF_DRONES`.
        prefix: Of the metrics' names.
    """
    return {family: {name: dict(AP=metrics.get(f'{prefix}{metric}')) for name, metric in OF_DRONES[family].items()}
            for family in families}
