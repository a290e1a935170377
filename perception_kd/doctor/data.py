"""A data set in the nuScenes format: tables, files, splits, info files."""

from __future__ import annotations

import re
from pathlib import Path

from perception_kd.doctor.check import Check, broken, fine, note

TABLES = ('attribute', 'calibrated_sensor', 'category', 'ego_pose', 'instance', 'log', 'map', 'sample',
          'sample_annotation', 'sample_data', 'scene', 'sensor', 'visibility')
PROBE_BYTES = 1 << 20
UNPACK = 'unpack the metadata archive again'


def check_data(root: Path, version: str | None = None) -> list[Check]:
    """All checks of one root.

    Args:
        root: The folder that holds ``samples/`` and the tables' folder.
        version: Name of the tables' folder; the only one there if None.
    """
    root = Path(root)
    if not root.is_dir():
        return [broken('data', f'{root} is a file' if root.is_file() else f'{root} does not exist',
                       'see data/README.md, or: python tools/simulate.py nuscenes --out DIR')]
    versions = sorted(path.parent.name for path in root.glob('*/sample_data.json'))
    if version is None and len(versions) == 1:
        version = versions[0]
    if version is None or not (root / version).is_dir():
        there = ', '.join(versions) or 'none'
        asked = f'no version {version}' if version else f'{len(versions)} versions'
        return [broken('data', f'{asked} in {root} (there: {there})', 'pass --version V, one of those there')]
    tables = check_tables(root / version)
    checks = [*tables, check_files(root, version), *check_splits(root, version), *check_infos(root, version)]
    return [fine('data', f'{root}, version {version}'), *checks]


def check_tables(folder: Path) -> list[Check]:
    """All thirteen tables are there and look whole (large ones are not parsed)."""
    missing = [name for name in TABLES if not (folder / f'{name}.json').is_file()]
    cut = [name for name in TABLES if name not in missing and not _looks_whole(folder / f'{name}.json')]
    if missing:
        return [broken('tables', f'missing in {folder}: {", ".join(missing)}', UNPACK)]
    if cut:
        return [broken('tables', f'cut off or no JSON list: {", ".join(cut)}', UNPACK)]
    return [fine('tables', f'all {len(TABLES)}')]


def _looks_whole(path: Path) -> bool:
    with path.open('rb') as file:
        begin = file.read(64).lstrip()[:1]
        file.seek(max(0, path.stat().st_size - 64))
        return begin == b'[' and file.read().rstrip().endswith(b']')


def check_files(root: Path, version: str) -> Check:
    """Sensor files that the first rows of ``sample_data`` name."""
    path = root / version / 'sample_data.json'
    if not path.is_file():
        return broken('sensor files', 'unknown without sample_data.json', UNPACK)
    with path.open('rb') as file:
        head = file.read(PROBE_BYTES).decode('utf-8', 'replace')
    names = re.findall(r'"filename"\s*:\s*"([^"]+)"', head)
    missing = [name for name in names if not (root / name).is_file()]
    if not names:
        return broken('sensor files', 'sample_data.json names none', UNPACK)
    if missing:
        found = f'{len(missing)} of the first {len(names)} are missing, for example {missing[0]}'
        level = broken if len(missing) == len(names) else note
        return level('sensor files', found, 'unpack the sensor archives into the root (sweeps are optional)')
    return fine('sensor files', f'the first {len(names)} are there')


def check_splits(root: Path, version: str) -> list[Check]:
    """Splits of the version and the scenes in each."""
    try:
        from perception_kd.datasets.nuscenes.tables import split_scenes

        splits = split_scenes(root, version)
    except (ImportError, OSError, ValueError) as error:
        return [broken('splits', ' '.join(str(error).split()), 'python tools/doctor.py (without data) first')]
    if not splits:
        return [note('splits', 'none', f'write {version}/splits.json: {{"train": ["scene-1", ...], ...}}')]
    return [fine('splits', ', '.join(f'{name} ({len(scenes)} scenes)' for name, scenes in splits.items()))]


def check_infos(root: Path, version: str) -> list[Check]:
    """Info files in the root, and their stamps."""
    files = sorted(root.glob('nuscenes_infos_*.pkl'))
    if not files:
        command = f'python tools/create_data.py nuscenes --root {root} --version {version}'
        return [note('info files', f'none in {root}', command)]
    return [_check_info(path, version) for path in files]


def _check_info(path: Path, version: str) -> Check:
    try:
        from perception_kd.datasets.nuscenes.stamp import load_infos

        meta, frames = load_infos(path)
    except (ImportError, OSError, ValueError) as error:
        return broken(path.name, ' '.join(str(error).split()), 'remove it or make it again')
    if meta['version'] != version:
        return note(path.name, f'is of version {meta["version"]}, not {version}')
    found = f'{len(frames)} key frames, split {meta["split"]}, {meta["schema"]}'
    if meta.get('missing_files'):
        return note(path.name, f'{found}, {meta["missing_files"]} sensor files were missing when it was made',
                    'fetch them and make it again, or live without')
    return fine(path.name, found)
