"""Runs to report, made by hand: on the tiny world, or with files beside them alone."""

from __future__ import annotations

from pathlib import Path

from perception_kd.visualization.report.runs import DISTILLED, STUDENT, DataPlace, Extras, Run, RunSet

TITLES = {'student': ('plain student', STUDENT), 'student_imkd': ('student with IMKD', DISTILLED)}


def run_set(folder: Path, results: dict[str, Path] | None = None, data: DataPlace | None = None,
            files: tuple[Path, ...] = ()) -> RunSet:
    """The runs of ``TITLES``, with result files by name."""
    runs = tuple(Run(title, role, folder / name, method=title, results=(results or {}).get(name),
                     data=data or DataPlace()) for name, (title, role) in TITLES.items())
    return RunSet(runs, 'plain student', Extras(files))
