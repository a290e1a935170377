"""nuscenes-devkit's tables, loaded once a process."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from perception_kd.datasets.nuscenes.table_numbers import check_numbers
from perception_kd.datasets.nuscenes.tables import read_rows, table_folder
from perception_kd.datasets.nuscenes.vocabulary import TABLES

if TYPE_CHECKING:
    from nuscenes import NuScenes


def load_devkit(root: str | Path, version: str) -> NuScenes:
    """The devkit's database of a version. Loaded again only when its tables have changed on disk.

    Raises:
        FileNotFoundError: no such root or version, or a table or map mask is missing.
        ValueError: a table is broken, or a pose, calibration or box in it is NaN or impossible.
        ImportError: nuscenes-devkit is not installed.
    """
    folder = table_folder(root, version)
    stamp = max(path.stat().st_mtime_ns for path in folder.glob('*.json'))
    return _load(str(Path(root).resolve()), version, stamp)


@lru_cache(maxsize=2)
def _load(root: str, version: str, stamp: int) -> NuScenes:
    try:
        from nuscenes import NuScenes
    except ImportError as error:
        raise ImportError(f'official metrics need nuscenes-devkit ({error}): '
                          'pip install "perception_kd[eval]"') from error
    folder = Path(root) / version
    try:
        nusc = NuScenes(version=version, dataroot=root, verbose=False)
    except (AssertionError, LookupError, TypeError, ValueError, OSError) as error:
        raise _what_is_wrong(folder, error) from error
    for table in ('ego_pose', 'calibrated_sensor', 'sample_annotation'):
        check_numbers(folder / f'{table}.json', getattr(nusc, table))
    return nusc


def _what_is_wrong(folder: Path, error: Exception) -> Exception:
    """The devkit's assertions and its JSON reader name no file: look for it."""
    for table in TABLES:
        try:
            read_rows(folder / f'{table}.json')
        except (ValueError, OSError) as found:
            return found
    for row in read_rows(folder / 'map.json', ('filename',)):
        if not (folder.parent / row['filename']).is_file():
            return FileNotFoundError(f'{folder.parent / row["filename"]} is missing: the devkit wants the map mask '
                                     'that map.json names; unpack the map archive into the root')
    return ValueError(f'{folder}: nuscenes-devkit cannot join these tables ({type(error).__name__}: {error}); are '
                      'all of one version and complete?')
