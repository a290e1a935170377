"""Key frames of a split, and which of them count: all, some scenes', a list's, or those that result files are for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from perception_kd.datasets.nuscenes.tables import read_json, read_rows, split_scenes, table_folder
from perception_kd.files import require_file


def version_tokens(root: str | Path, version: str) -> list[str]:
    """Tokens of all key frames of a version."""
    return [row['token'] for row in read_rows(table_folder(root, version) / 'sample.json')]


def split_tokens(root: str | Path, version: str, split: str) -> list[str]:
    """Sample tokens of a split, in the order of the table; reads three small tables, not the devkit.

    Raises:
        FileNotFoundError: no such root or version.
        ValueError: the version has no such split, or no key frame of it; names the splits there are.
    """
    folder = table_folder(root, version)
    splits = split_scenes(root, version)
    if split not in splits:
        raise ValueError(f'{folder} has no split {split!r}; it has {", ".join(splits)}')
    names = set(splits[split])
    scenes = {row['token'] for row in read_rows(folder / 'scene.json', ('token', 'name')) if row['name'] in names}
    tokens = [row['token'] for row in read_rows(folder / 'sample.json', ('token', 'scene_token'))
              if row['scene_token'] in scenes]
    if not tokens:
        raise ValueError(f'{folder}: split {split!r} has no key frame; are the tables complete?')
    return tokens


def key_frames(data_root: str | Path, version: str, split: str, sample_tokens: Sequence[str] | None) -> list[str]:
    """The key frames to evaluate: those of the split, or the ones asked for.

    Raises:
        FileNotFoundError, ValueError: no such data or split, or samples that are not of it.
    """
    tokens = split_tokens(data_root, version, split)
    if sample_tokens is None:
        return tokens
    if not sample_tokens:
        raise ValueError(f'no sample of split {split!r} is asked for')
    foreign = set(sample_tokens) - set(tokens)
    if foreign:
        raise ValueError(f'{len(foreign)} of {len(sample_tokens)} samples asked for are not in split {split!r}')
    return list(dict.fromkeys(sample_tokens))


def choose_frames(data_root: str | Path, version: str, split: str, *, scenes: Sequence[str] = (),
                  samples: str | Path | None = None, results: Sequence[str | Path] = ()) -> list[str]:
    """Sample tokens of the key frames of a split that meet every condition, in the split's order.

    Args:
        data_root, version, split: The data.
        scenes: Names of scenes.
        samples: File with sample tokens: a JSON list, or one a line.
        results: Result files for a part of the split: only key frames that all of them answer for.

    Raises:
        FileNotFoundError: no such data or file.
        ValueError: no such split, a scene or sample that is not in it, no result file, or nothing left.
    """
    tokens = whole = split_tokens(data_root, version, split)
    if scenes:
        wanted = _samples_of(table_folder(data_root, version), scenes, whole, split)
        tokens = [token for token in tokens if token in wanted]
    if samples is not None:
        listed = _listed(Path(samples))
        foreign = listed - set(whole)
        if foreign:
            raise ValueError(f'{samples}: {len(foreign)} of {len(listed)} samples are not in split {split!r} (for '
                             f'example {min(foreign)})')
        tokens = [token for token in tokens if token in listed]
    for path in results:
        answered = _answered(Path(path))
        tokens = [token for token in tokens if token in answered]
    if not tokens:
        raise ValueError(f'no key frame of split {split!r} meets all conditions')
    return tokens


def _samples_of(folder: Path, names: Sequence[str], tokens: Sequence[str], split: str) -> set[str]:
    known = {row['token']: row['name'] for row in read_rows(folder / 'scene.json', ('token', 'name'))}
    inside = set(tokens)
    found = {row['token']: known.get(row['scene_token']) for row in
             read_rows(folder / 'sample.json', ('token', 'scene_token')) if row['token'] in inside}
    foreign = [name for name in names if name not in set(found.values())]
    if foreign:
        raise ValueError(f'{", ".join(foreign)}: no scene of split {split!r}, which has '
                         f'{", ".join(sorted(map(str, set(found.values()))))}')
    return {token for token, name in found.items() if name in names}


def _listed(path: Path) -> set[str]:
    wanted = f'{path}: must hold sample tokens: a JSON list of strings, or one a line'
    try:
        text = require_file(path, 'file of samples').read_text().strip()
    except UnicodeDecodeError:
        raise ValueError(wanted) from None
    rows = read_json(path, cure='list sample tokens') if text.startswith(('[', '{')) else text.split()
    if not rows or not isinstance(rows, list) or not all(isinstance(row, str) for row in rows):
        raise ValueError(wanted)
    return set(rows)


class _Results(msgspec.Struct):
    results: dict[str, msgspec.Raw]


def _answered(path: Path) -> Mapping[str, Any]:
    try:
        return msgspec.json.decode(require_file(path, 'result file').read_bytes(), type=_Results).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f'{path} is no result file ({error}); make it again with tools/test.py') from None
