"""One clip into a converted set: its pictures copied, linked or taken out of a video, its boxes cleaned."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2

from perception_kd.datasets.uav.boxes import clean_box, scaled
from perception_kd.datasets.uav.frames import encode_jpeg, extract_frames, frame_path
from perception_kd.datasets.uav.names import category_of
from perception_kd.datasets.uav.pictures import look_at_picture
from perception_kd.datasets.uav.records import Box, Clip, Frame, Numbers, Tally
from perception_kd.files import atomic_path, write_bytes

PICTURE_FOLDER = 'images'


@dataclass(frozen=True)
class Placing:
    """How clips are placed.

    Args:
        out: Root of the converted set.
        renamed: Category of the set -> of the converted set; to an empty name: its boxes are left out.
        quality: Of JPEG files of frames.
        symlink: Link to pictures of the set rather than copy them.
    """

    out: Path
    renamed: Mapping[str, str]
    quality: int = 95
    symlink: bool = False


@dataclass(frozen=True)
class PlacedBox:
    """A box inside of its picture, px."""

    category: str
    xywh: Numbers
    instance: int | None
    crowd: bool


@dataclass(frozen=True)
class PlacedFrame:
    """A picture of the converted set: ``file_name`` below its root, width and height in px."""

    file_name: str
    size: tuple[int, int]
    number: int | None
    boxes: tuple[PlacedBox, ...]


@dataclass(frozen=True)
class PlacedClip:
    """A clip of the converted set; ``single`` is a picture that belongs to no video."""

    name: str
    split: str
    single: bool
    frames: tuple[PlacedFrame, ...]


def place_clip(clip: Clip, placing: Placing) -> tuple[PlacedClip, Tally]:
    """Bring the pictures of a clip below ``images``; those that cannot be read are counted and left out."""
    tally = Tally()
    files = _video_files(clip, placing, tally) if clip.video else _picture_files(clip, placing, tally)
    frames = []
    for frame, path, size in files:
        tally.add('pictures of another size than their label file says', frame.path, frame.claimed not in (None, size))
        boxes = clean_boxes(frame, size, placing.renamed, tally, where=frame.path or f'{clip.video}: {frame.number}')
        frames.append(PlacedFrame(path.relative_to(placing.out).as_posix(), size, frame.number, boxes))
    return PlacedClip(clip.name, clip.split, clip.single, tuple(frames)), tally


def clean_boxes(frame: Frame, size: tuple[int, int], renamed: Mapping[str, str], tally: Tally,
                where: object) -> tuple[PlacedBox, ...]:
    """The boxes of a frame that its picture can hold.

    Args:
        frame: Of a reader.
        size: Width and height of its picture, px.
        renamed: See :class:`Placing`.
        tally: Counts what is left out, clipped or named anew.
        where: The picture, for the tally.
    """
    found = []
    for box in frame.boxes:
        category = category_of(box.category, renamed)
        if not category:
            tally.add(f'boxes left out: category {box.category}', where)
            continue
        numbers, fault = clean_box(scaled(box.xywh, size) if frame.shares else box.xywh, size)
        if fault:
            tally.add(fault, f'{where}: {_told(box)}')
        if numbers is not None:
            found.append(PlacedBox(category, numbers, box.instance, box.crowd))
    return tuple(found)


def _told(box: Box) -> str:
    return f'{box.category} ' + ' '.join(f'{value:g}' for value in box.xywh)


def safe_name(name: str) -> str:
    """A clip's name as a folder below ours, whatever the set calls it."""
    return '/'.join(word for word in name.replace('\\', '/').split('/') if word.strip('. ')) or 'unnamed'


def _video_files(clip: Clip, placing: Placing, tally: Tally) -> list[tuple[Frame, Path, tuple[int, int]]]:
    folder = placing.out / PICTURE_FOLDER / clip.split / safe_name(clip.name)
    try:
        there = set(extract_frames(clip.video, [frame.number for frame in clip.frames], folder,
                                   quality=placing.quality))
    except ValueError as error:
        tally.add('videos left out: not readable', error)
        return []
    tally.add('frames left out: labelled, but not in the video', clip.video, len(clip.frames) - len(there))
    if not there:
        return []
    size = look_at_picture(frame_path(folder, min(there)))[0]
    return [(frame, frame_path(folder, frame.number), size) for frame in clip.frames if frame.number in there]


def _picture_files(clip: Clip, placing: Placing, tally: Tally) -> list[tuple[Frame, Path, tuple[int, int]]]:
    folder, found = placing.out / PICTURE_FOLDER / clip.split / safe_name(clip.name), []
    by_number = len({frame.path.name for frame in clip.frames}) < len(clip.frames)
    for frame in clip.frames:
        name = f'{frame.number:06d}{frame.path.suffix}' if by_number else frame.path.name
        target = folder.parent / f'{folder.name}{frame.path.suffix}' if clip.single else folder / name
        try:
            size, turned = look_at_picture(frame.path)
            if turned:
                target = target.with_suffix('.jpg')
                _write_turned(frame.path, target, placing.quality)
                tally.add('pictures written anew, turned as their EXIF note says', frame.path)
            else:
                _bring(frame.path, target, symlink=placing.symlink)
        except ValueError as error:
            tally.add('pictures left out: not readable', error)
            continue
        found.append((frame, target, size))
    return found


def _write_turned(source: Path, target: Path, quality: int) -> None:
    picture = cv2.imread(str(source), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f'{source}: corrupt picture')
    write_bytes(target, encode_jpeg(picture, quality, source))


def _bring(source: Path, target: Path, *, symlink: bool) -> None:
    """A link to the same file where the file system has such, else a copy: a set need not lie there twice."""
    if target.is_file() and target.is_symlink() == symlink and (
            target.samefile(source) or _look(target) == _look(source)):
        return
    with atomic_path(target) as temporary:
        if symlink:
            temporary.symlink_to(source.resolve())
            return
        try:
            os.link(source.resolve(), temporary)
        except OSError:  # another file system, or files of another user
            shutil.copy2(source, temporary)


def _look(path: Path) -> tuple[int, int]:
    return path.stat().st_size, path.stat().st_mtime_ns
