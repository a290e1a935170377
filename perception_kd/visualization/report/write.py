"""From runs to a file: the sections that have something to say, in their order, on one page."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from perception_kd.files import check_file_target, write_bytes
from perception_kd.visualization.report.blocks import Page, Section
from perception_kd.visualization.report.page import MOST_BYTES, render
from perception_kd.visualization.report.runs import STEREO, RunSet
from perception_kd.visualization.report.words import count, listed, sentence

ORDER = ('overview', 'stereo_results', 'uav_results', 'pictures', 'frames', 'stereo_pairs', 'uav_pictures', 'metrics',
         'precision_recall', 'bias', 'findings', 'curves', 'shares', 'maps', 'view3d', 'robustness', 'latency',
         'stereo_speed', 'configs', 'environment')
"""Files of the folder ``sections``, each with ``section(runs)``."""


@dataclass(frozen=True)
class Written:
    """What came out.

    Args:
        path: The page.
        size: Of its file in bytes.
        sections: Titles of its sections.
    """

    path: Path
    size: int
    sections: tuple[str, ...]


def write_report(runs: RunSet, out: str | Path, *, without: Iterable[str] = (),
                 progress: Callable[[str], None] | None = None, most_bytes: int = MOST_BYTES) -> Written:
    """Write the report on some runs as one HTML file.

    Args:
        runs: As :func:`~perception_kd.visualization.report.gather.gather` gives them.
        out: The file.
        without: Sections to leave out, by the names in :data:`ORDER`.
        progress: Is told each section before it is made.
        most_bytes: That the page may have.

    Raises:
        ValueError: a section that there is not, nothing to say, damaged files, or a page that is too large.
        ImportError: plotly is missing.
    """
    check_file_target(out)
    left_out = set(without)
    strangers = sorted(left_out - set(ORDER))
    if strangers:
        raise ValueError(f'there is no section {", ".join(strangers)}; there are {", ".join(ORDER)}')
    sections = list(_sections(runs, [name for name in ORDER if name not in left_out], progress))
    if not sections:
        raise ValueError('nothing to report: no section has anything to say about these folders')
    html = render(build_page(runs, sections), most_bytes=most_bytes).encode()
    write_bytes(out, html)
    return Written(Path(out), len(html), tuple(one.title for one in sections))


def build_page(runs: RunSet, sections: Iterable[Section]) -> Page:
    """The page around the sections."""
    return Page(runs.title, subtitle(runs), facts(runs), tuple(sections), runs.models)


def subtitle(runs: RunSet) -> str:
    """What was run, in a line."""
    models = runs.models
    if len(models) < 2:
        return ''
    return listed(models) if len(models) <= 4 else f'{sentence(count(len(models), "model"))} side by side'


def facts(runs: RunSet) -> list[tuple[str, str]]:
    """Date, data, world, seeds, commit: as far as known."""
    splits = dict.fromkeys(f'{run.data.version}, {run.data.split}' for run in runs.runs if run.data.split)
    kind = 'Simulated pairs' if runs.task == STEREO else 'Simulated world'
    worlds = [world for world in runs.worlds if world]
    seeds = sorted({run.seed for run in runs.runs if run.seed is not None})
    commits = dict.fromkeys(str(run.record['commit']) for run in runs.runs if run.record.get('commit'))
    found = [('Data', '; '.join(splits)), (kind, ', '.join(worlds)), ('Seeds', ', '.join(map(str, seeds))),
             ('Commit', ', '.join(commits)), ('Report', datetime.now().strftime('%d %B %Y').lstrip('0'))]
    return [(name, value) for name, value in found if value]


def _sections(runs: RunSet, names: Iterable[str], progress: Callable[[str], None] | None) -> Iterable[Section]:
    for name in names:
        if progress:
            progress(name)
        found = importlib.import_module(f'perception_kd.visualization.report.sections.{name}').section(runs)
        if found is not None:
            yield found
