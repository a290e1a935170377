"""COCO's JSON, also with videos: generic sets, and sets that were converted here.

One file a split (``train.json``, ``instances_val2017.json``, ...) in ``annotations`` or in the folder itself, or one
file for all, whose split is then drawn. ``file_name`` is looked for in the root, in ``images``, and in the split's
folder. A file of pseudo-labels keeps its stamp.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS
from perception_kd.datasets.uav.listing import Grouping, clips_of, key_of
from perception_kd.datasets.uav.names import split_of
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import read_json

_SPLIT_WORD = re.compile(r'[A-Za-z]+')


def read_coco(root: Path, tally: Tally, *, ann: Sequence[str] = (), grouping: Grouping | None = None) -> Source:
    """All annotation files of a folder.

    Args:
        root: The folder.
        tally: Gets what is odd.
        ann: Annotation files, names in the root or paths; by default all of ``annotations``, or of the root itself.
        grouping: Which pictures are one video, where the file does not say.

    Raises:
        FileNotFoundError, ValueError: no annotation file, or one that is no COCO file.
    """
    inside = sorted((root / 'annotations').glob('*.json')) or sorted(root.glob('*.json'))
    files = [root / name for name in ann] or [path for path in inside if path.name != 'conversion.json']
    if not files:
        raise FileNotFoundError(f'{root}: no .json file in it or in {root / "annotations"}')
    clips: list[Clip] = []
    categories: dict[str, None] = {}
    stamps = {}
    for path in files:
        content = read_coco_file(path)
        split = split_of(_SPLIT_WORD.findall(path.stem))[0] if len(files) > 1 or ann else ''
        split = split or split_of([path.stem])[0]
        if content['info'].get(PSEUDO_LABELS):
            stamps[split or 'train'] = content['info'][PSEUDO_LABELS]
        names = {entry['id']: entry['name'] for entry in content['categories']}
        categories.update(dict.fromkeys(names.values()))
        clips += [replace(clip, split=split) if split else clip
                  for clip in _clips(root, path, content, names, tally, grouping or Grouping())]
    if not clips:
        raise FileNotFoundError(f'{root}: its annotation files name no picture that is there')
    return Source(clips=tuple(clips), categories=tuple(categories), pseudo_labels=stamps)


def read_coco_file(path: Path) -> dict[str, Any]:
    """A COCO file, its form checked; ``info``, ``videos`` and ``annotations`` may be missing in the file.

    Returns:
        ``info``, ``videos``, ``images``, ``annotations`` and ``categories``.

    Raises:
        FileNotFoundError, ValueError: no such file, or an entry of another form.
    """
    content = read_json(path)
    if not isinstance(content, dict) or not {'images', 'categories'} <= content.keys():
        raise ValueError(f'{path}: no COCO file (no images and categories)')
    info = content.get('info')
    found: dict[str, Any] = {'info': info if isinstance(info, dict) else {}}
    needs = dict(videos=dict(id=int, name=str), images=dict(id=int, file_name=str),
                 annotations=dict(image_id=int, category_id=int, bbox=list), categories=dict(id=int, name=str))
    for part, keys in needs.items():
        rows = content.get(part) or []
        bad = next((row for row in rows if not _has(row, keys)), None) if isinstance(rows, list) else rows
        if bad is not None:
            raise ValueError(f'{path}: {part} hold an entry without {", ".join(keys)}: {str(bad)[:80]}')
        found[part] = rows
    for part in ('videos', 'images', 'categories'):
        if len({row['id'] for row in found[part]}) < len(found[part]):
            raise ValueError(f'{path}: two {part} have the same id')
    return found


def _has(row: Any, keys: Mapping[str, type]) -> bool:
    return isinstance(row, dict) and all(
        isinstance(row.get(key), kind) and not isinstance(row[key], bool) for key, kind in keys.items())


def boxes_of(content: Mapping[str, Any], path: Path, tally: Tally) -> dict[int, list[tuple[Box, int]]]:
    """Picture id -> its boxes with their category's id; annotations that cannot be are counted."""
    pictures = {row['id'] for row in content['images']}
    names = {row['id']: row['name'] for row in content['categories']}
    found: dict[int, list[tuple[Box, int]]] = {}
    for place, row in enumerate(content['annotations']):
        where = f'{path}: annotation {row.get("id", place)}'
        box = row['bbox']
        if row['image_id'] not in pictures or row['category_id'] not in names:
            tally.add('annotations left out: of a picture or category that is not there', where)
        elif len(box) != 4 or any(isinstance(value, bool) or not isinstance(value, (int, float)) for value in box):
            tally.add('annotations left out: bbox is not four numbers', where)
        else:
            instance = row.get('instance_id', row.get('track_id'))
            crowd = bool(row.get('iscrowd') or row.get('ignore'))
            numbers = tuple(float(value) if abs(value) < 1e300 else float('inf') for value in box)
            found.setdefault(row['image_id'], []).append((Box(
                names[row['category_id']], numbers, instance=instance if isinstance(instance, int) else None,
                crowd=crowd), row['category_id']))
    return found


def _clips(root: Path, path: Path, content: Mapping[str, Any], names: Mapping[int, str], tally: Tally,
           grouping: Grouping) -> Iterator[Clip]:
    boxes, videos = boxes_of(content, path, tally), {row['id']: row['name'] for row in content['videos']}
    in_videos: dict[int, list[Frame]] = {}
    others: dict[str, Frame] = {}
    for row in content['images']:
        picture = _find(root, path, row['file_name'])
        if picture is None:
            tally.add('pictures left out: no such file', f'{path}: {row["file_name"]}')
            continue
        number = row.get('frame_id')
        size = row.get('width'), row.get('height')
        frame = Frame(boxes=tuple(box for box, _ in boxes.get(row['id'], ())), path=picture,
                      number=number if isinstance(number, int) else None,
                      claimed=size if all(isinstance(side, int) for side in size) else None)
        if row.get('video_id') in videos:
            in_videos.setdefault(row['video_id'], []).append(frame)
        else:
            key = key_of(root / row['file_name'].lstrip('/'), root)
            if others.setdefault(key, frame) is not frame:
                tally.add('pictures left out: another has the same name', picture)
    for video, frames in in_videos.items():
        if any(frame.number is None for frame in frames):
            frames = [replace(frame, number=place) for place, frame in enumerate(frames)]
        yield Clip(name=videos[video], frames=tuple(sorted(frames, key=lambda frame: frame.number)))
    yield from clips_of(others.items(), Grouping(single=True) if videos else grouping)


def _find(root: Path, path: Path, name: str) -> Path | None:
    word = split_of(_SPLIT_WORD.findall(path.stem))[0]
    places = (root / name, root / 'images' / name, root / word / name, root / 'images' / word / name,
              root / path.stem.removeprefix('instances_') / name, path.parent / name)
    return next((place for place in places if place.is_file()), None)
