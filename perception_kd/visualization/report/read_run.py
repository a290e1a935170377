"""Reads a run's folder. What is not there is left out; what is damaged is said in one line."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import load_stamp
from perception_kd.datasets.nuscenes.tables import read_json, simulated_world
from perception_kd.evaluation.report import METRICS, flatten_summary
from perception_kd.visualization.report.dumped_config import read_dumped_config
from perception_kd.visualization.report.moved import find_moved
from perception_kd.visualization.report.runs import DISTILLED, STUDENT, DataPlace, Run
from perception_kd.visualization.report.scalars import Curves, read_scalars
from perception_kd.visualization.report.stereo.read import as_stereo, is_stereo
from perception_kd.visualization.report.stereo.tested import is_tested
from perception_kd.visualization.report.uav.read import as_uav, has_drones, is_uav

SUMMARY, DETAILS, RESULTS, TEST = 'metrics_summary.json', 'metrics_details.json', 'results_nusc.json', 'test'
ENVIRONMENT = 'environment.json'
_AGAIN = 'score the run again with tools/test.py, or move the file away'
_TIME = re.compile(rb'^(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d) ', re.MULTILINE)
_PREFIX = re.compile(r'^\w+/')  # of an evaluator's metrics: nusc/mAP
_NEEDED = ('mean_ap', 'nd_score', 'tp_errors', 'mean_dist_aps', 'label_tp_errors')


def is_run(folder: Path) -> bool:
    """Whether a folder holds a training's log, or scores or answers of a model."""
    return (any((folder / name).is_file() for name in (SUMMARY, RESULTS)) or is_tested(folder)
            or has_drones(folder)
            or next(folder.glob('*/vis_data/scalars.json'), None) is not None)


def read_run(folder: Path, title: str = '', *, root: Path | None = None) -> Run:
    """What a folder tells about its run.

    Args:
        folder: Of ``tools/train.py``, ``tools/test.py``, a stage of a demo or recipe, or a run of a comparison.
        title: Default: the folder's name.
        root: Where the data lies, if not where the config says.

    Raises:
        ValueError: a file is damaged.
    """
    config = _config(folder)
    training, validation = read_scalars(folder)
    summary = _json(folder, SUMMARY, _NEEDED)
    run = Run(
        title=title or folder.resolve().name.replace('_', ' '), role=DISTILLED if distils(config) else STUDENT,
        folder=folder, seed=(config.get('randomness') or {}).get('seed'), config=config, training=training,
        validation=_metrics_only(validation), metrics=flat_metrics(summary) if summary else {}, summary=summary,
        details=_details(folder), results=_file(folder, RESULTS), checkpoint=_checkpoint(folder),
        log=next(iter(_logs(folder)), None), data=_data(folder, config, summary, root), seconds=_seconds(folder),
        record=_json(folder, ENVIRONMENT) or {}, epochs=_epochs(training, config))
    if is_uav(folder, config):
        return as_uav(run)
    return as_stereo(run, root) if is_stereo(folder, config) else run


def with_metrics(run: Run, metrics: Mapping[str, float | None]) -> Run:
    """The run with metrics of another file, if it has none of its own."""
    known = {name: math.nan if value is None else float(value) for name, value in metrics.items()}
    return run if run.metrics else replace(run, metrics=known)


def flat_metrics(summary: Mapping[str, Any]) -> dict[str, float]:
    """As :func:`flatten_summary`; a summary of the devkit itself does not tell which classes are present."""
    unknown = dict(num_gt=dict.fromkeys(summary['mean_dist_aps'], 1), mean_ap_present=math.nan)
    return flatten_summary({**unknown, **summary})


def distils(config: Mapping[str, Any]) -> bool:
    """Whether a config trains with teachers; a test's config no longer names its pairs."""
    model = config.get('model') or {}
    return model.get('type') == 'Distiller' and bool(model.get('pairs', True))


def _file(folder: Path, name: str) -> Path | None:
    """In the folder, or where ``tools/test.py`` puts it by default."""
    return next((path for path in (folder / name, folder / TEST / name) if path.is_file()), None)


def _json(folder: Path, name: str, needed: tuple[str, ...] = ()) -> Any:
    path = _file(folder, name)
    if path is None:
        return None
    content = read_json(path, _AGAIN)
    lacking = [key for key in needed if not isinstance(content, dict) or key not in content]
    if not isinstance(content, dict) or lacking:
        lack = f'no {", ".join(lacking)}' if lacking else 'no table of names'
        raise ValueError(f'{path} is damaged: {lack}; {_AGAIN}')
    return content


def _details(folder: Path) -> dict[str, Any] | None:
    content = _json(folder, DETAILS)
    for key, curve in (content or {}).items():
        known = curve if isinstance(curve, dict) else {}
        if not all(isinstance(known.get(name), list) for name in ('recall', 'precision')):
            raise ValueError(f'{_file(folder, DETAILS)} is damaged: no recall and precision for {key}; {_AGAIN}')
    return content


def _config(folder: Path) -> dict[str, Any]:
    """Of the newest training; else of the newest test."""
    for pattern in ('*/vis_data/config.py', f'{TEST}/*/vis_data/config.py', '*.py'):
        found = sorted(folder.glob(pattern))
        if found:
            return read_dumped_config(found[-1])
    return {}


def _metrics_only(curves: Curves) -> Curves:
    found = {_PREFIX.sub('', name): curve for name, curve in curves.items()}
    return {name: curve for name, curve in found.items() if name in METRICS or name not in ('time', 'data_time')}


def _checkpoint(folder: Path) -> Path | None:
    from perception_kd.engine.safe_checkpoint import find_newest_checkpoint

    try:
        return find_newest_checkpoint(folder)
    except FileNotFoundError:
        return None


def _logs(folder: Path) -> list[Path]:
    """Newest first, those of trainings before those of tests."""
    return [*sorted(folder.glob('*/*.log'), reverse=True), *sorted(folder.glob(f'{TEST}/*/*.log'), reverse=True)]


def _seconds(folder: Path) -> dict[str, float]:
    """Of training: what the logs span, all beginnings together."""
    logs = [path for path in folder.glob('*/*.log') if (path.parent / 'vis_data' / 'scalars.json').is_file()]
    total = sum(map(_span, logs))
    return dict(train=total) if total else {}


def _span(log: Path) -> float:
    stamps = _TIME.findall(log.read_bytes())
    if len(stamps) < 2:
        return 0.0
    first, last = (datetime.strptime(stamp.decode(), '%Y/%m/%d %H:%M:%S') for stamp in (stamps[0], stamps[-1]))
    return (last - first).total_seconds()


def _epochs(training: Curves, config: Mapping[str, Any]) -> tuple[int | None, int | None]:
    done = int(training['epoch'].values[-1]) if 'epoch' in training else None
    return done, (config.get('train_cfg') or {}).get('max_epochs')


def _data(folder: Path, config: Mapping[str, Any], summary: Mapping[str, Any] | None, root: Path | None) -> DataPlace:
    scored = config.get('test_evaluator') or {}
    meta = (summary or {}).get('meta') or {}
    root = root or find_moved(folder, scored.get('data_root') or config.get('data_root'))
    inside = root / str(scored.get('ann_file')) if root else None
    infos = inside if inside and inside.is_file() else find_moved(folder, scored.get('ann_file'))
    if root and not infos:
        infos = next(iter(root.glob(f'*_{meta.get("split")}.pkl')), None)
    version, split = str(meta.get('version') or ''), str(meta.get('split') or '')
    if infos and not (version and split):
        stamp = load_stamp(infos)
        version, split = version or stamp['version'], split or stamp['split']
    return _same_world(DataPlace(root, infos, version, split, str(meta.get('world') or '')), scored='world' in meta)


def _same_world(place: DataPlace, scored: bool) -> DataPlace:
    """Without root and infos if that root is not of the world, or the version, that was scored."""
    if not place.root or not (place.root / place.version / 'log.json').is_file() or not place.version:
        return replace(place, root=None, infos=None)
    world = simulated_world(place.root, place.version)
    if scored and world != place.world:
        return replace(place, root=None, infos=None)
    return replace(place, world=world)
