"""Finding pictures and labels below a folder, which belong together, and which pictures are one video."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perception_kd.datasets.uav.names import split_of
from perception_kd.datasets.uav.records import Clip, Frame, Tally

PICTURES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp')
VIDEOS = ('.mp4', '.avi', '.mpg', '.mpeg', '.mov', '.mkv', '.m4v', '.webm')
_TWINS = ('images', 'image', 'img', 'imgs', 'jpegimages', 'labels', 'label', 'xml', 'xmls', 'annotations')
"""Folders that only part pictures from labels."""
_EXPORT = re.compile(r'(_(jpe?g|png))?\.rf\.[0-9a-f]{32}$')  # what Roboflow hangs on a name
_VIDEO_FRAME = re.compile(r'^(?:(.+?)[_\-. ]+|(.*\D))(\d+)$')


def find_files(root: Path, suffixes: Sequence[str]) -> list[Path]:
    """Files with one of the suffixes at any depth, sorted; hidden ones and what lies in hidden folders left out."""
    found = []
    for folder, folders, names in os.walk(root, followlinks=True):
        folders[:] = sorted(name for name in folders if not name.startswith('.'))
        found += [Path(folder, name) for name in names
                  if not name.startswith('.') and name.lower().endswith(tuple(suffixes))]
    return sorted(found)


def key_of(path: Path, root: Path) -> str:
    """What a picture and its label share: the path in ``root`` without suffix and without folders like ``images``."""
    words = path.relative_to(root).with_suffix('').parts
    return '/'.join([*(word for word in words[:-1] if word.lower() not in _TWINS), words[-1]])


def by_key(paths: Iterable[Path], root: Path, tally: Tally) -> dict[str, Path]:
    """Key -> path; of pictures with the same key all but the first are counted and left out."""
    found: dict[str, Path] = {}
    for path in paths:
        if found.setdefault(key_of(path, root), path) is not path:
            tally.add('files left out: another belongs to the same picture', path)
    return found


@dataclass(frozen=True)
class Place:
    """Where a picture belongs: to a video or to none, and to a split if its path names one."""

    video: str
    number: int | None
    split: str


@dataclass(frozen=True)
class Grouping:
    """Which pictures are frames of one video.

    By default by name: what stands before the last number, and the folder, are the video's name, so that
    ``clip_07/0001.jpg`` and ``clip_07_0001.jpg`` are frame 1 of ``clip_07``.

    Args:
        pattern: Regular expression with a group ``video`` and perhaps ``frame``, which is searched for in the
            picture's path below the root, without its suffix.
        single: Take every picture as one of its own.
    """

    pattern: str = ''
    single: bool = False

    def place(self, key: str) -> Place:
        """Of the picture with this key.

        Raises:
            ValueError: the pattern is none, or does not find the video's name.
        """
        words = key.split('/')
        split, folders = split_of(words[:-1])
        if self.single:
            return Place('', None, split)
        video, number = self._by_pattern(key) if self.pattern else _by_name(folders, words[-1])
        return Place(video, number, split)

    def _by_pattern(self, key: str) -> tuple[str, int | None]:
        try:
            match = re.search(self.pattern, key)
            groups = match.groupdict() if match else {}
        except re.error as error:
            raise ValueError(f'--video {self.pattern}: no regular expression ({error})') from None
        if not groups.get('video'):
            raise ValueError(f'--video {self.pattern}: finds no group (?P<video>...) in {key}')
        frame = groups.get('frame')
        return groups['video'], int(frame) if frame and frame.isascii() and frame.isdigit() else None


def _by_name(folders: Sequence[str], name: str) -> tuple[str, int | None]:
    folder, name = '/'.join(folders), _EXPORT.sub('', name)
    if name.isascii() and name.isdigit():
        return folder, int(name) if folder else None
    match = _VIDEO_FRAME.match(name)
    if match is None or len(match[3]) > 12 or not match[3].isascii():
        return folder, None
    return '/'.join(filter(None, (folder, match[1] or match[2].rstrip('_-. ')))), int(match[3])


def clips_of(pictures: Iterable[tuple[str, Frame]], grouping: Grouping) -> Iterator[Clip]:
    """Clips of the pictures, each given with its key."""
    videos: dict[tuple[str, str], list[tuple[str, Frame, int | None]]] = {}
    for key, frame in pictures:
        place = grouping.place(key)
        if place.video:
            videos.setdefault((place.split, place.video), []).append((key, frame, place.number))
        else:
            plain = '/'.join(split_of(key.split('/')[:-1])[1] + (key.split('/')[-1],))
            yield Clip(name=plain, frames=(frame,), split=place.split, single=True)
    for (split, video), members in videos.items():
        yield Clip(name=video, frames=_numbered(members), split=split)


def _numbered(members: list[tuple[str, Frame, int | None]]) -> tuple[Frame, ...]:
    """By their numbers, or where some have none or the same one, by their order."""
    numbers = [number for _, _, number in members]
    if None in numbers or len(set(numbers)) < len(numbers):
        ordered = sorted(members, key=lambda member: member[0])
        numbers = list(range(len(ordered)))
    else:
        ordered = sorted(members, key=lambda member: member[2])
        numbers.sort()
    return tuple(replace(frame, number=number) for (_, frame, _), number in zip(ordered, numbers))


def part_by_split(clip: Clip, splits: Callable[[Path], str]) -> Iterator[Clip]:
    """The clip, taken apart where the set's lists part it; the check of the result then names such a video.

    Args:
        clip: Of pictures.
        splits: Split of a picture's path, empty where its lists do not have it.
    """
    parts: dict[str, list[Frame]] = {}
    for frame in clip.frames:
        parts.setdefault(splits(frame.path) or clip.split, []).append(frame)
    for split, frames in parts.items():
        yield replace(clip, frames=tuple(frames), split=split)
