"""Anti-UAV (300, 410, 600): a folder a sequence, with a video or pictures and a JSON file of each camera.

The JSON has ``exist`` (0 or 1 a frame) and ``gt_rect`` (``[x, y, w, h]``, px; empty or zeros where there is no drone).
Names differ between releases: ``RGB.mp4`` with ``RGB_label.json`` and ``IR.mp4`` with ``IR_label.json``, ``visible``
and ``infrared`` for both, or pictures beside ``IR_label.json``. The two cameras are not aligned: each is a video of
its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from perception_kd.datasets.uav.listing import PICTURES, VIDEOS, find_files
from perception_kd.datasets.uav.names import DRONE, split_of
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import read_json

_CAMERAS = {'rgb': 'rgb', 'visible': 'rgb', 'ir': 'ir', 'infrared': 'ir'}
_LABEL = re.compile(r'^(rgb|ir|visible|infrared)(_label)?\.json$', re.IGNORECASE)


def read_anti_uav(root: Path, tally: Tally, *, modality: str = 'rgb') -> Source:
    """Sequences below the root; splits are the folders ``train``, ``val`` and ``test`` where there are such.

    Args:
        root: The folder.
        tally: Gets what is odd.
        modality: ``rgb``, ``ir`` or ``both``.

    Raises:
        FileNotFoundError, ValueError: no sequence of that camera, or an unknown one.
    """
    if modality not in ('rgb', 'ir', 'both'):
        raise ValueError(f'modality is rgb, ir or both, not {modality!r}')
    clips = list(_clips(root, modality, tally))
    if not clips:
        raise FileNotFoundError(f'{root}: no folder with a label file such as RGB_label.json or infrared.json beside '
                                f'its video or pictures (modality {modality})')
    return Source(clips=tuple(clips), categories=(DRONE,))


def read_rectangles(path: Path, tally: Tally) -> tuple[tuple[int, tuple[Box, ...]], ...]:
    """Number and boxes of the frames of a label file.

    A frame that has a drone but no rectangle, or something else in its place, is counted and left out.

    Raises:
        FileNotFoundError, ValueError: no such file, or no lists ``exist`` and ``gt_rect``.
    """
    content = read_json(path)
    rectangles = content.get('gt_rect') if isinstance(content, dict) else None
    exist = content.get('exist') if isinstance(content, dict) else None
    if not isinstance(rectangles, list) or not (exist is None or isinstance(exist, list)):
        raise ValueError(f'{path}: no lists exist and gt_rect of an Anti-UAV sequence')
    if exist is not None and len(exist) != len(rectangles):
        tally.add('label files whose exist and gt_rect differ in length', path)
    frames = []
    for number, rectangle in enumerate(rectangles[:len(exist)] if exist is not None else rectangles):
        boxes = _boxes(rectangle, exist[number] if exist is not None else None)
        if boxes is None:
            tally.add('frames left out: a drone without a rectangle', f'{path}: frame {number}')
        else:
            frames.append((number, boxes))
    return tuple(frames)


def _boxes(rectangle: Any, exists: Any) -> tuple[Box, ...] | None:
    """Empty where there is no drone; None where it is not known where the drone is."""
    empty = rectangle is None or rectangle == [] or (isinstance(rectangle, list) and not any(rectangle))
    if exists is None:
        exists = not empty
    if not isinstance(exists, (int, float)) or (exists and empty):
        return None
    if not exists:
        return ()
    if not isinstance(rectangle, list) or len(rectangle) != 4 or any(
            isinstance(value, bool) or not isinstance(value, (int, float)) for value in rectangle):
        return None
    try:
        return (Box(DRONE, tuple(float(value) for value in rectangle), instance=1),)
    except OverflowError:
        return None


def _clips(root: Path, modality: str, tally: Tally) -> Iterator[Clip]:
    for label in find_files(root, ('.json',)):
        match = _LABEL.match(label.name)
        camera = _CAMERAS[match[1].lower()] if match else ''
        if not match or modality not in (camera, 'both'):
            continue
        split, folders = split_of(label.relative_to(root).parts[:-1])
        name = '/'.join([*folders, camera])
        try:
            frames = read_rectangles(label, tally)
        except ValueError as error:
            tally.add('sequences left out: a label file that cannot be read', error)
            continue
        clip = _clip(label, match[1], name, split, frames, tally)
        if clip is not None and clip.frames:
            yield clip


def _clip(label: Path, word: str, name: str, split: str, frames: tuple[tuple[int, tuple[Box, ...]], ...],
          tally: Tally) -> Clip | None:
    video = next((path for path in sorted(label.parent.iterdir())
                  if path.suffix.lower() in VIDEOS and path.stem.lower() == word.lower()), None)
    if video is not None:
        return Clip(name=name, split=split, video=video,
                    frames=tuple(Frame(boxes=boxes, number=number) for number, boxes in frames))
    folder = next((path for path in sorted(label.parent.iterdir())
                   if path.is_dir() and path.name.lower() == word.lower()), label.parent)
    pictures = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURES)
    if not pictures:
        tally.add('sequences left out: neither video nor pictures', label)
        return None
    count = 1 + max((number for number, _ in frames), default=-1)
    if count != len(pictures):
        tally.add('sequences whose pictures and labels differ in number', label)
    return Clip(name=name, split=split, frames=tuple(
        Frame(boxes=boxes, number=number, path=pictures[number]) for number, boxes in frames if number < len(pictures)))
