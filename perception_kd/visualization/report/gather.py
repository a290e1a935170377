"""From the words of a command line to the runs of a report: folders are expanded, roles recognised, titles made."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.visualization.report.moved import lies_in
from perception_kd.visualization.report.read_run import is_run, read_run, with_metrics
from perception_kd.visualization.report.runs import ROLES, STEREO, STUDENT, TEACHER, Extras, Run, RunSet
from perception_kd.visualization.report.stereo.read import taught, with_seeds

_RECIPE = 'recipe.json'
_OF_RUN, _OF_TEACHER = 'perception_kd comparison run', 'perception_kd comparison teacher'
_EXTRAS = ('.json', '.png', '.jpg', '.jpeg', '.mp4')
_DEPTH = 3  # of folders below the ones given
_LOGS = re.compile(r'\d{8}_\d{6}|\..*')  # mmengine's folders, and hidden ones
_NOT_INSIDE = {'samples', 'sweeps', 'vis_data', 'cells', 'logs', 'work', '__pycache__'}


def gather(words: Sequence[str | Path], *, teachers: Sequence[str] = (), baseline: str | None = None,
           root: Path | None = None, title: str = '') -> RunSet:
    """The runs of a report.

    Args:
        words: ``FOLDER`` or ``TITLE=FOLDER``: a run; a folder of runs, of a demo or recipe, or of
            ``tools/compare.py``; or a folder or file of something else to report, such as ``robustness.json``.
        teachers: Titles of runs that are teachers, beyond those that are recognised.
        baseline: Title of the run that the others are compared with; default: the first student.
        root: Data root of all runs, if not where their configs say.
        title: Of the report; default: the name of the first folder.

    Raises:
        FileNotFoundError: nothing there.
        ValueError: nothing to report, a damaged file, a title that no run has.
    """
    runs: list[Run] = []
    files: list[Path] = []
    for word in words:
        given, path = _parse(word)
        found = [] if path.is_file() else _expand(path, given, root)
        beside = [path] if path.is_file() else _files(path)
        if not found and not beside:
            raise ValueError(f'{path} holds no run and nothing else to report: give a folder of tools/train.py, '
                             'tools/test.py, tools/compare.py, a demo or a recipe, or a folder of such')
        runs += found
        files += beside
    _one_task(runs)
    runs = _with_roles(_with_titles(runs), teachers)
    ordered, reference = _ordered(runs, baseline)
    first = _parse(words[0])[1].resolve()
    return RunSet(tuple(ordered), reference, Extras(tuple(dict.fromkeys(sorted(files)))), title or first.name)


def _parse(word: str | Path) -> tuple[str, Path]:
    """Title and path; both may hold equals signs."""
    text = str(word)
    ends = [place for place, sign in enumerate(text) if sign == '=' and text[place + 1:]]
    for title, path in (('', text), *((text[:end], text[end + 1:]) for end in ends)):
        if Path(path).exists():
            return title, Path(path)
    raise FileNotFoundError(f'{text} does not exist; give FOLDER or TITLE=FOLDER')


def _expand(folder: Path, title: str, root: Path | None) -> list[Run]:
    found = _of_comparison(folder, root) or _of_recipe(folder, root)
    if not found and is_run(folder):
        return [read_run(folder, title, root=root)]
    if not found:
        found = [read_run(one, root=root) for one in sorted(folder.iterdir()) if one.is_dir() and is_run(one)]
    if title and found:
        found = [replace(run, title=title if len(found) == 1 else f'{title} {run.title}') for run in found]
    return found


def _of_recipe(folder: Path, root: Path | None) -> list[Run]:
    """In the order of its stages, with the times that it has noted."""
    if not (folder / _RECIPE).is_file():
        return []
    state = read_json(folder / _RECIPE, 'move it away')
    stages = state if isinstance(state, dict) else {}
    names = dict.fromkeys(stage.partition('_')[2] for stage in stages if stage.startswith(('train_', 'score_')))
    found = []
    for name in names:
        if (folder / name).is_dir() and is_run(folder / name):
            run = read_run(folder / name, root=root)
            times = {part: stages[f'{part}_{name}'] for part in ('train', 'score') if f'{part}_{name}' in stages}
            seconds = {part: entry['seconds'] for part, entry in times.items() if _is_number(entry, 'seconds')}
            found.append(replace(run, seconds={**run.seconds, **seconds}))
    return found


def _of_comparison(folder: Path, root: Path | None) -> list[Run]:
    """Runs of ``tools/compare.py``: a file each, and a folder each unless that was cleared away."""
    found = []
    for path in sorted(folder.glob('*.json')):
        record = read_json(path, 'move it away') if b'perception_kd comparison' in _head(path) else None
        if isinstance(record, dict) and str(record.get('format', '')).startswith((_OF_RUN, _OF_TEACHER)):
            found.append(_recorded(folder, path.stem, record, root))
    several = {name for name, count in Counter(run.method for run in found).items() if count > 1}
    return [run if run.method in several else replace(run, title=run.method) for run in found]


def _recorded(folder: Path, name: str, record: dict[str, Any], root: Path | None) -> Run:
    method = str(record.get('name', name))
    if record['format'].startswith(_OF_TEACHER):
        method = f'teacher {method}'
    inside = folder / 'work' / name
    run = read_run(inside, root=root) if inside.is_dir() else Run(name, STUDENT, folder)
    run = with_metrics(run, record.get('metrics') or {})
    seed = record.get('seed', run.seed)
    data = replace(run.data, world=run.data.world or str(record.get('world') or ''))
    return replace(run, title=f'{method}, seed {seed}' if 'seed' in record else method, method=method, seed=seed,
                   role=TEACHER if record['format'].startswith(_OF_TEACHER) else run.role, data=data, record=record,
                   seconds={**run.seconds, **(record.get('seconds') or {})})


def _head(path: Path) -> bytes:
    with path.open('rb') as file:
        return file.read(200)


def _is_number(entry: Any, key: str) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get(key), (int, float))


def _with_titles(runs: Sequence[Run]) -> list[Run]:
    """Each with a title of its own: the folder above is put before those that are alike, then a number behind."""
    counts = Counter(run.title for run in runs)
    longer = [replace(run, title=f'{run.folder.resolve().parent.name}: {run.title}') if counts[run.title] > 1 else run
              for run in runs]
    seen: Counter[str] = Counter()
    unique = []
    for run in longer:
        seen[run.title] += 1
        unique.append(run if seen[run.title] == 1 else replace(run, title=f'{run.title} ({seen[run.title]})'))
    return [run if run.method else replace(run, method=run.title) for run in with_seeds(unique)]


def _one_task(runs: Sequence[Run]) -> None:
    """Raises ``ValueError`` for runs that no table can show together."""
    first = {run.task: run.title for run in runs}
    if len(first) > 1:
        named = ' and '.join(f'of {task} ({title})' for task, title in first.items())
        raise ValueError(f'these are runs {named}: make a report of each task')


def _with_roles(runs: Sequence[Run], teachers: Sequence[str]) -> list[Run]:
    strangers = [name for name in teachers if name not in {run.title for run in runs}]
    if strangers:
        raise ValueError(f'no run is called {", ".join(strangers)}; there are {", ".join(run.title for run in runs)}')
    named = [checkpoint for run in runs for checkpoint in _checkpoints(run)]
    blind = any(run.summary and not _reads_lidar(run) for run in runs)

    def teaches(run: Run) -> bool:
        return (run.title in teachers or any(lies_in(path, run.folder) for path in named)
                or (blind and run.role == STUDENT and _reads_lidar(run)))

    return [replace(run, role=TEACHER) if teaches(run) else run for run in runs]


def _checkpoints(run: Run) -> list[Path]:
    config = taught(run.folder, run.config) if run.task == STEREO else run.config
    settings = (config.get('model') or {}).get('teachers') or {}
    found = [one.get('checkpoint') for one in settings.values() if isinstance(one, dict)]
    return [Path(path) for path in found if isinstance(path, str)]


def _reads_lidar(run: Run) -> bool:
    return bool(((run.summary or {}).get('meta') or {}).get('use_lidar'))


def _ordered(runs: Sequence[Run], baseline: str | None) -> tuple[list[Run], str | None]:
    """Teachers first, then the baseline, then the rest in their order; the baseline's method."""
    methods = list(dict.fromkeys(run.method for run in runs))
    if baseline is not None and baseline not in methods + [run.title for run in runs]:
        raise ValueError(f'no run is called {baseline}; there are {", ".join(methods)}')
    if baseline is not None:
        reference = next(run.method for run in runs if baseline in (run.method, run.title))
    else:
        students = [run for run in runs if run.role == STUDENT] or [run for run in runs if run.role != TEACHER]
        best_known = [run for run in students if run.scored] or students
        reference = best_known[0].method if best_known else None
    ordered = sorted(runs, key=lambda run: (ROLES.index(run.role) if run.method != reference else 0.5))
    return ordered, reference if len(methods) > 1 else None


def _files(folder: Path) -> list[Path]:
    """Files that may be reported, not too deep; data sets and the insides of runs are left out."""
    found = []
    for where, inner, names in os.walk(folder):
        place = Path(where)
        if len(place.relative_to(folder).parts) >= _DEPTH or 'samples' in inner:
            inner.clear()
        inner[:] = sorted(name for name in inner if name not in _NOT_INSIDE and not _LOGS.fullmatch(name))
        if not any(name.startswith('v1.0') for name in inner):
            found += [place / name for name in sorted(names) if name.lower().endswith(_EXTRAS)
                      and not name.startswith('.')]
    return [path for path in found if path.name not in _OF_RUNS]


_OF_RUNS = {'metrics_summary.json', 'metrics_details.json', 'results_nusc.json', 'stereo_metrics.json',
            'uav_metrics.json', 'results_uav.json', _RECIPE, 'train_seconds.json'}
