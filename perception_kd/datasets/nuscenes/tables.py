"""The folder of a version's tables, its small tables as rows, and its splits.

Large tables are read by ``stream``. The devkit is asked for one thing only: the scenes of the official splits.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from perception_kd.files import require_folder

Row = dict[str, Any]

SIMULATED_VEHICLE = 'simulated'
"""``vehicle`` in the log of a simulated data set, whose ``logfile`` is the stamp of its world."""

def table_folder(root: str | Path, version: str) -> Path:
    """``root/version``, checked.

    Raises:
        FileNotFoundError: the root or the version is not there; names the versions that are.
    """
    root = require_folder(root, 'data root')
    folder = root / version
    if not (folder / 'scene.json').is_file():
        found = ', '.join(sorted(path.parent.name for path in root.glob('*/scene.json'))) or 'none'
        raise FileNotFoundError(f'{root} has no version {version!r}; versions there: {found}')
    return folder


def read_json(path: Path, cure: str = 'unpack the data set again') -> Any:
    """Content of a JSON file; ``cure`` ends the message where there is none.

    Raises:
        FileNotFoundError, ValueError: missing, or not JSON; the message names the file.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise FileNotFoundError(f'{path} is missing; {cure}') from None
    except (ValueError, RecursionError) as error:  # the latter of a hundred thousand brackets
        raise ValueError(f'{path} is not valid JSON ({error}); {cure}') from None


def read_rows(path: Path, columns: Iterable[str] = ('token',)) -> list[Row]:
    """Rows of a table, each with these columns. Errors as :func:`read_json`, and ``ValueError`` for other content."""
    rows, wanted = read_json(path), set(columns)
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f'{path}: not a nuScenes table, which is a list of rows; unpack the data set again')
    for number, row in enumerate(rows):
        if not wanted <= row.keys():
            lacking = ', '.join(sorted(wanted - row.keys()))
            raise ValueError(f'{path}: not a nuScenes table: row {number} lacks column {lacking}')
    return rows


def split_scenes(root: str | Path, version: str) -> dict[str, list[str]]:
    """Split name -> scene names of a version.

    From the version's ``splits.json`` where there is one; for official versions from the devkit; any other
    version has one split, ``all``.
    """
    folder = table_folder(root, version)
    if (folder / 'splits.json').is_file():
        return _read_splits(folder / 'splits.json')
    if version not in _OFFICIAL_SPLITS:
        return {'all': [scene['name'] for scene in read_rows(folder / 'scene.json', ('name',))]}
    from nuscenes.utils.splits import create_splits_scenes
    scenes = create_splits_scenes()
    return {name: scenes[name] for name in _OFFICIAL_SPLITS[version]}


def _read_splits(path: Path) -> dict[str, list[str]]:
    splits = read_json(path)
    lists = list(splits.values()) if isinstance(splits, dict) else [None]
    if not all(isinstance(names, list) and all(isinstance(name, str) for name in names) for names in lists):
        raise ValueError(f'{path}: must name the scenes of each split: {{"train": ["scene-1", ...], ...}}')
    return splits


def simulated_world(root: str | Path, version: str) -> str:
    """Stamp of the world that a data set was simulated in (``simulation.stamp``); empty for real recordings."""
    logs = read_rows(table_folder(root, version) / 'log.json')
    return ', '.join(sorted({log['logfile'] for log in logs if log.get('vehicle') == SIMULATED_VEHICLE}))


_OFFICIAL_SPLITS = {
    'v1.0-trainval': ('train', 'val'),
    'v1.0-mini': ('mini_train', 'mini_val'),
    'v1.0-test': ('test',),
}
