"""YOLO's text labels: a line an object, ``class x_centre y_centre width height`` in shares of the picture.

Classes and, where there is one, the split come from ``data.yaml``; else classes from ``classes.txt`` and splits from
folder names. A picture whose label file is missing or empty is background. Lines of an outline (YOLO's segmentation
labels) give the box around it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from perception_kd.datasets.uav.listing import PICTURES, Grouping, by_key, clips_of, find_files, part_by_split
from perception_kd.datasets.uav.names import split_of
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import numbers_in, read_lines

CLASS_FILES = ('classes.txt', 'labels/classes.txt', 'obj.names')
_SETTINGS = ('data.yaml', 'data.yml', 'dataset.yaml')
_MOST_CLASSES = 10000


def read_yolo(root: Path, tally: Tally, *, grouping: Grouping | None = None) -> Source:
    """A folder of pictures with YOLO labels.

    Args:
        root: Holds ``data.yaml`` or ``classes.txt``, ``images`` and ``labels`` (or ``train/images``, ...).
        tally: Gets what is odd.
        grouping: Which pictures are one video.

    Raises:
        FileNotFoundError, ValueError: no list of classes, no picture, or ``data.yaml`` is none.
    """
    root = root.resolve()
    settings = next((root / name for name in _SETTINGS if (root / name).is_file()), None)
    names, pictures = _classes(root), None
    if settings is not None:
        content = _read_settings(settings)
        names = names or _names_in(content, settings)
        pictures = _listed(content, settings, tally)
    if not names:
        raise FileNotFoundError(f'{root}: no list of classes ({_SETTINGS[0]} with names, or {CLASS_FILES[0]} with one '
                                'name a line); write one')
    if pictures is None:
        pictures = [('', path) for path in find_files(root, PICTURES)]
    if not pictures:
        where = f'in what {settings.name} names below {root}' if settings else f'in {root}'
        raise FileNotFoundError(f'{root}: no picture ({", ".join(PICTURES)}) {where}; give the folder that holds both '
                                'the pictures and the list of classes')
    return Source(clips=tuple(_clips(root, pictures, names, tally, grouping or Grouping())), categories=tuple(names))


def read_label_lines(path: Path, names: Sequence[str], tally: Tally) -> tuple[Box, ...]:
    """Boxes (shares) of one label file; lines that are none are counted.

    Raises:
        ValueError: no text.
    """
    boxes = []
    for number, line in enumerate(read_lines(path), 1):
        if line:
            box, fault = _box(line.split(), names)
            if fault:
                tally.add(fault, f'{path}: line {number}')
            if box is not None:
                boxes.append(box)
    return tuple(boxes)


def _clips(root: Path, pictures: Sequence[tuple[str, Path]], names: Sequence[str], tally: Tally,
           grouping: Grouping) -> Iterator[Clip]:
    texts = [path for path in find_files(root, ('.txt',)) if path.name not in CLASS_FILES]
    labels, splits = by_key(texts, root, tally), {path: split for split, path in pictures}
    keyed = {key: _frame(path, labels.get(key), names, tally) for key, path in by_key(splits, root, tally).items()}
    for key in sorted(labels.keys() - keyed.keys()):
        path = labels[key]
        if split_of(path.relative_to(root).parts[:-1])[0] or 'labels' in path.relative_to(root).parts:
            tally.add('label files without a picture', path)
    for clip in clips_of(keyed.items(), grouping):
        yield from part_by_split(clip, lambda path: splits[path])


def _frame(picture: Path, label: Path | None, names: Sequence[str], tally: Tally) -> Frame:
    if label is None:
        tally.add('pictures without a label file, taken as background', picture)
        return Frame(path=picture)
    return Frame(boxes=read_label_lines(label, names, tally), path=picture, shares=True)


def _box(words: list[str], names: Sequence[str]) -> tuple[Box | None, str]:
    numbers = numbers_in(words)
    if numbers is None or len(numbers) < 5:
        return None, 'lines left out: no class and four numbers'
    if not (numbers[0] == numbers[0] and 0 <= numbers[0] < len(names) and numbers[0] == int(numbers[0])):
        return None, 'lines left out: a class number that no name belongs to'
    name, values = names[int(numbers[0])], numbers[1:]
    if len(values) <= 5:
        x, y, width, height = values[:4]
        fault = 'lines with a sixth value, which is not read' if len(values) == 5 else ''
        return Box(name, (x - width / 2, y - height / 2, width, height)), fault
    if len(values) % 2:
        return None, 'lines left out: neither a box nor an outline'
    left, top = min(values[::2]), min(values[1::2])
    return Box(name, (left, top, max(values[::2]) - left, max(values[1::2]) - top)), 'outlines taken as boxes'


def _classes(root: Path) -> list[str]:
    path = next((root / name for name in CLASS_FILES if (root / name).is_file()), None)
    return [] if path is None else [line for line in read_lines(path) if line]


def _read_settings(path: Path) -> Mapping[str, Any]:
    try:
        content = yaml.safe_load('\n'.join(read_lines_kept(path)))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError(f'{path}: no readable YAML ({str(error)[:100]})') from None
    if not isinstance(content, dict):
        raise ValueError(f'{path}: holds no names and folders of a YOLO data set')
    return content


def read_lines_kept(path: Path) -> list[str]:
    """Lines with the spaces before them, which YAML needs.

    Raises:
        ValueError: no text.
    """
    try:
        return path.read_bytes().decode('utf-8-sig').split('\n')
    except UnicodeDecodeError:
        raise ValueError(f'{path}: no text') from None


def _names_in(content: Mapping[str, Any], path: Path) -> list[str]:
    names = content.get('names')
    if isinstance(names, dict) and all(isinstance(key, int) for key in names):
        top = max(names, default=-1)
        if min(names, default=0) < 0 or top >= _MOST_CLASSES:
            raise ValueError(f'{path}: names are numbered outside of 0 to {_MOST_CLASSES - 1}')
        names = [names.get(number, f'class {number}') for number in range(top + 1)]
    if not isinstance(names, list) or not names or not all(isinstance(name, (str, int)) for name in names):
        raise ValueError(f'{path}: names is no list of class names')
    return [str(name) for name in names]


def _listed(content: Mapping[str, Any], path: Path, tally: Tally) -> list[tuple[str, Path]] | None:
    """Pictures of the folders and lists that ``data.yaml`` names, with their split; None where it names none."""
    base = path.parent / str(content.get('path') or '.')
    base = base if base.is_dir() else path.parent
    found, any_named = [], False
    for split in ('train', 'val', 'test'):
        entry = content.get(split) or (content.get('valid') if split == 'val' else None)
        for name in [entry] if isinstance(entry, str) else entry if isinstance(entry, list) else []:
            any_named = True
            found += [(split, picture) for picture in _pictures_of(str(name), base, path, tally)]
    return found if any_named else None


def _pictures_of(name: str, base: Path, settings: Path, tally: Tally) -> list[Path]:
    """Of one folder or list; ``../train/images`` of an export means the folder beside ``data.yaml``."""
    root, plain = settings.parent, name
    while plain.startswith('../'):
        plain = plain[3:]
    places = [Path(os.path.normpath(place)) for place in (base / name, root / plain)]
    place = next((one for one in places if one.exists() and one.is_relative_to(root)), None)
    if place is None:
        tally.add('folders or lists of data.yaml that are not there', f'{settings}: {name}')
        return []
    if place.is_dir():
        return find_files(place, PICTURES)
    listed = [Path(os.path.normpath(place.parent / line)) for line in read_lines(place) if line]
    there = [one for one in listed if one.is_relative_to(root) and one.is_file()]
    if len(there) < len(listed):
        tally.add('pictures of lists that are not there', place, len(listed) - len(there))
    return there
