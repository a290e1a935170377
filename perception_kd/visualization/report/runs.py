"""What a report is about: runs, and what lies beside them. Other files of this room find and read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from perception_kd.visualization.report.scalars import Curve, Curves
from perception_kd.visualization.report.stereo.tested import Tested
from perception_kd.visualization.report.stereo.times import times_stereo

TEACHER, STUDENT, DISTILLED, OTHER = 'teacher', 'student', 'distilled', 'other'
ROLES = (TEACHER, STUDENT, DISTILLED, OTHER)
DETECTION, STEREO, UAV = 'detection', 'stereo', 'uav'


@dataclass(frozen=True)
class DataPlace:
    """The data that a run was scored on, as far as it can be told.

    Args:
        root: nuScenes-format root; None where it is not on this machine.
        infos: Info file of the split; None where it is not on this machine.
        version, split: For example ``v1.0-mini`` and ``mini_val``; empty where nothing says so.
        world: Stamp of the simulated world; empty for recordings, and where nothing says so.
    """

    root: Path | None = None
    infos: Path | None = None
    version: str = ''
    split: str = ''
    world: str = ''


@dataclass(frozen=True)
class Run:
    """One training, or one scored model.

    Args:
        title: As people read it; unique in a report.
        role: ``teacher``, ``student``, ``distilled``, or ``other`` for what is none of them.
        folder: Where it lies.
        method: What it is one seed of; its title where it has no sisters.
        seed: Of the training; None where nothing says so.
        config: As it was dumped, plain data; empty where there is none.
        training: Logged values by name (``loss``, ``share.<pair>``, ``lr``, ...) over iterations.
        validation: Metrics by name (``mAP``, ``NDS``, ...) over what the loop counts.
        metrics: Flat metrics by the names of :data:`~perception_kd.evaluation.report.METRICS`, of stereo by those of
            :func:`~perception_kd.evaluation.stereo.summary.flatten_figures`; NaN where there are none; empty for a
            run that is not scored.
        summary: ``metrics_summary.json``.
        details: ``metrics_details.json``: curves by ``<class>:<distance>``.
        results: ``results_nusc.json``.
        checkpoint: The last weights.
        log: The newest training's log, else the newest test's.
        data: What it was scored on.
        seconds: Wall time by stage (``train``, ``score``) as far as known.
        record: What a comparison has noted about it (commit, machine, versions, teachers); else empty.
        epochs: Trained, and planned; None where nothing says so.
        task: ``detection``, ``stereo`` or ``uav``.
        tested: Of stereo, what it was scored on, by data set.
        drones: Of drone detectors, ``uav_metrics.json``; ``results`` is the path of the predictions, or None.
    """

    title: str
    role: str
    folder: Path
    method: str = ''
    seed: int | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    training: Curves = field(default_factory=dict)
    validation: Curves = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    summary: Mapping[str, Any] | None = None
    details: Mapping[str, Mapping[str, Sequence[float]]] | None = None
    results: Path | None = None
    checkpoint: Path | None = None
    log: Path | None = None
    data: DataPlace = field(default_factory=DataPlace)
    seconds: Mapping[str, float] = field(default_factory=dict)
    record: Mapping[str, Any] = field(default_factory=dict)
    epochs: tuple[int | None, int | None] = (None, None)
    task: str = DETECTION
    tested: Mapping[str, Tested] = field(default_factory=dict)
    drones: Mapping[str, Any] = field(default_factory=dict)

    @property
    def scored(self) -> bool:
        """Whether it has metrics."""
        return bool(self.metrics)


@dataclass(frozen=True)
class Method:
    """The runs that differ in their seeds alone.

    Args:
        title: As people read it.
        role: Of all its runs.
        runs: One or more.
    """

    title: str
    role: str
    runs: tuple[Run, ...]

    def values(self, metric: str) -> list[float]:
        """A metric of each scored run."""
        return [run.metrics[metric] for run in self.runs if metric in run.metrics]


@dataclass(frozen=True)
class Extras:
    """Files that belong to the report but to no run.

    Args:
        files: All that were found in the folders given, in order of their paths.
    """

    files: tuple[Path, ...] = ()

    def matching(self, *patterns: str) -> tuple[Path, ...]:
        """Those whose path ends like one of these: ``robustness.json``, ``pictures/*.png``, ``*.mp4``."""
        return tuple(path for path in self.files if any(path.match(pattern) for pattern in patterns))

    @property
    def robustness(self) -> tuple[Path, ...]:
        """Of ``tools/robustness.py``."""
        return self.matching('robustness.json')

    @property
    def latency(self) -> tuple[Path, ...]:
        """Of ``tools/benchmark.py latency --json``."""
        return tuple(path for path in self.matching('latency*.json') if path not in self.stereo_times)

    @cached_property
    def stereo_times(self) -> tuple[Path, ...]:
        """Of ``tools/benchmark.py stereo --json``, however they are called."""
        return tuple(path for path in self.matching('*.json') if times_stereo(path))

    @property
    def maps(self) -> tuple[Path, ...]:
        """Of ``tools/visualize.py maps``."""
        return self.matching('maps.json')

    @property
    def slices(self) -> tuple[Path, ...]:
        """Of ``tools/evaluate.py slices --out``."""
        return self.matching('slices.json')

    @property
    def bias(self) -> tuple[Path, ...]:
        """Of ``tools/evaluate.py bias --out``."""
        return self.matching('bias.json')

    @property
    def pictures(self) -> tuple[Path, ...]:
        """PNG and JPEG."""
        return self.matching('*.png', '*.jpg', '*.jpeg')

    @property
    def films(self) -> tuple[Path, ...]:
        """MP4."""
        return self.matching('*.mp4')


@dataclass(frozen=True)
class RunSet:
    """What one report is about.

    Args:
        runs: Teachers first, then the baseline, then the others; titles are unique.
        baseline: Title of the method that the others are compared with; None: there is nothing to compare.
        extras: Beside the runs.
        title: Of the report.
    """

    runs: tuple[Run, ...]
    baseline: str | None = None
    extras: Extras = field(default_factory=Extras)
    title: str = ''

    @cached_property
    def methods(self) -> tuple[Method, ...]:
        """Runs by method, in order; what has one seed is a method of one run."""
        groups: dict[str, list[Run]] = {}
        for run in self.runs:
            groups.setdefault(run.method or run.title, []).append(run)
        return tuple(Method(title, runs[0].role, tuple(runs)) for title, runs in groups.items())

    @property
    def models(self) -> tuple[str, ...]:
        """Titles of the methods; a model's position in it chooses its colour."""
        return tuple(method.title for method in self.methods)

    def position(self, run: Run) -> int:
        """Of the run's method in :attr:`models`."""
        return self.models.index(run.method or run.title)

    @property
    def baseline_method(self) -> Method | None:
        """What the others are compared with."""
        return next((one for one in self.methods if one.title == self.baseline), None)

    @property
    def scored(self) -> tuple[Run, ...]:
        """Runs with metrics."""
        return tuple(run for run in self.runs if run.scored)

    @property
    def worlds(self) -> tuple[str, ...]:
        """Stamps of the simulated worlds, the empty one for recordings; runs of which nothing says so are left out."""
        known = (run for run in self.scored or self.runs if run.summary or run.data.world)
        return tuple(dict.fromkeys(run.data.world for run in known))

    @property
    def task(self) -> str:
        """Of all runs."""
        return self.runs[0].task if self.runs else DETECTION

    def of_role(self, role: str) -> tuple[Run, ...]:
        """Its runs, in order."""
        return tuple(run for run in self.runs if run.role == role)


__all__ = ['DETECTION', 'DISTILLED', 'OTHER', 'ROLES', 'STEREO', 'STUDENT', 'TEACHER', 'UAV', 'Curve', 'DataPlace',
           'Extras', 'Method', 'Run', 'RunSet']
