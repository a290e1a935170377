"""Where a path of a config lies on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def find_moved(folder: Path, text: Any) -> Path | None:
    """A path of a config, which may be relative to where the training was started: a folder above the run.

    Where run and data were moved together, only the end of the path is still right.

    Args:
        folder: Of the run.
        text: As the config has it; None where it names nothing.
    """
    if not isinstance(text, str) or not text:
        return None
    above, parts = folder.resolve().parents, [part for part in Path(text).parts if part not in ('.', '/')]
    ends = [Path(*parts[first:]) for first in range(len(parts))]
    places = [Path(text), *(parent / end for end in ends for parent in above)]
    return next((path for path in places if path.exists()), None)


def lies_in(path: Path, folder: Path) -> bool:
    """Whether a path of a config is in a folder, by the last two names of folders: runs are moved from machine to
    machine."""
    names = [part for part in path.parent.parts if part != '.'][-2:]
    return bool(names) and list(folder.resolve().parts[-len(names):]) == names
