"""What makes a run one of stereo: its figures, its data and its role."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.evaluation.stereo.summary import flatten_figures
from perception_kd.visualization.report.dumped_config import read_dumped_config
from perception_kd.visualization.report.moved import find_moved
from perception_kd.visualization.report.runs import DISTILLED, OTHER, STEREO, STUDENT, DataPlace, Run
from perception_kd.visualization.report.stereo.sizes import network_of
from perception_kd.visualization.report.stereo.tested import is_tested, read_tested

_MATCHER, _PRIOR = 'StereoMatcher', 'MonoEstimator'
_SEED = re.compile(r'(.*?)[\s,_-]*(?:seed[\s_-]*)?(\d+)')
_BEGINNINGS = 4  # that a chain of trainings, each from the weights of another, is followed


def is_stereo(folder: Path, config: Mapping[str, Any]) -> bool:
    """Whether a run is of a matcher, or of the monocular net that is a part of one."""
    return is_tested(folder) or _type(config) in (_MATCHER, _PRIOR)


def as_stereo(run: Run, root: Path | None = None) -> Run:
    """The run with its figures.

    Args:
        run: As it was read, without them.
        root: Data root, if not where the configs say.

    Raises:
        ValueError: a file is damaged.
    """
    tested = read_tested(run.folder, root)
    splits = dict.fromkeys(one.split for one in tested.values() if one.split)
    worlds = dict.fromkeys(one.world for one in tested.values() if one.world)
    data = DataPlace(version=', '.join(tested), split=', '.join(splits), world=', '.join(worlds))
    metrics = flatten_figures(one.errors for one in tested.values())
    return replace(run, task=STEREO, role=_role(run), tested=tested, metrics=metrics, data=data)


def _type(config: Mapping[str, Any]) -> str:
    return str(network_of(config).get('type'))


def _role(run: Run) -> str:
    if _type(run.config) != _MATCHER:
        return OTHER
    return DISTILLED if taught(run.folder, run.config) else STUDENT


def taught(folder: Path, config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The config with the teachers of a run: its own, or that of the training whose weights it began from; empty for
    one that was never taught.

    Args:
        folder: Of the run.
        config: Its own.
    """
    for _ in range(_BEGINNINGS):
        if (config.get('model') or {}).get('type') == 'Distiller':
            return config
        begun = find_moved(folder, config.get('load_from'))
        dumped = sorted(begun.parent.glob('*/vis_data/config.py')) if begun else []
        if not dumped:
            break
        folder, config = begun.parent, read_dumped_config(dumped[-1])
    return {}


def with_seeds(runs: Sequence[Run]) -> list[Run]:
    """Runs of stereo whose titles differ in their seeds alone (``plain 0``, ``plain 1``) as runs of one method."""
    stems = [_stem(run) for run in runs]
    counts = Counter(stem for stem in stems if stem)
    return [replace(run, method=stem) if stem and counts[stem] > 1 and not run.method else run
            for run, stem in zip(runs, stems)]


def _stem(run: Run) -> str:
    found = _SEED.fullmatch(run.title)
    return found[1] if run.task == STEREO and found and int(found[2]) == run.seed else ''
