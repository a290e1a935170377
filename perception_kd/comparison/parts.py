"""What is kept in a run's file beside its metrics, and added to the files of runs that finished without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from mmengine.config import Config

from perception_kd.cli import one_line
from perception_kd.files import write_json

KEY_FILE = '.run-key'
Found = Mapping[str, Any]


class Part(Protocol):
    """One of them.

    Args:
        key: Its entry in the file.
    """

    key: str

    def lacks(self, found: Found) -> bool:
        """Whether a run's file lacks it."""

    def gather(self, found: Found, cfg: Config, folder: Path | None) -> Any:
        """What becomes its entry.

        Args:
            found: The run's file.
            cfg: Of the run.
            folder: With its logs and results; None where it is gone.

        Raises:
            OSError, ValueError: It cannot be had.
        """


Section = Callable[[Sequence[Found], Sequence[str], Mapping[str, Found]], list[str]]
"""``(results, names, teachers) -> lines`` of the report: files of the runs, methods with the reference first, files of
the teachers by name."""


def complete(path: Path, found: Found, cfg: Config, folder: Path | None, parts: Sequence[Part]) -> list[str]:
    """Add to a finished run's file what it lacks.

    Args:
        path: The file.
        found: Its content.
        cfg, folder: As for :meth:`Part.gather`.
        parts: That it should have.

    Returns:
        A line for each part that it still lacks, and why.
    """
    added, lines = {}, []
    for part in parts:
        if part.lacks(found):
            try:
                added[part.key] = part.gather(found, cfg, folder)
            except (OSError, ValueError) as error:
                lines.append(f'no {part.key}: {one_line(error)}')
    if added:
        write_json(path, {**found, **added})
    return lines


def folder_of(folder: Path, key: Mapping[str, str]) -> Path | None:
    """The folder of a run, if it is of this run and no other of its name."""
    try:
        return folder if json.loads((folder / KEY_FILE).read_bytes()) == dict(key) else None
    except (OSError, ValueError):
        return None


def require_there(folder: Path | None, name: str, what: str) -> Path:
    """A file in a run's folder.

    Raises:
        FileNotFoundError: It, or the folder, is gone; says what to do.
    """
    if folder is None or not (folder / name).is_file():
        raise FileNotFoundError(f'{what} is not in the work folder any more; put the folder of the run back and run '
                                "the same command again, or move the run's JSON away to train it again")
    return folder / name
