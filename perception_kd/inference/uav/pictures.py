"""Pictures as a source of frames: files, folders, lists, and the pictures that an annotation file names."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.datasets.pictures import read_image
from perception_kd.files import require_file
from perception_kd.inference.uav.frames import Frame, Picture, Seen, Stop

SUFFIXES = ('.png', '.jpg', '.jpeg', '.bmp', '.webp', '.ppm', '.pgm', '.tif', '.tiff')


@dataclass(frozen=True)
class Named:
    """A picture's file, and what an annotation file says of it (``image_id``, ``index`` in its video)."""

    path: Path
    image_id: int | None = None
    index: int | None = None


class PictureSource:
    """Pictures in the order given; one that cannot be read is counted, named and left out.

    Args:
        pictures: One or more.
        name: Of all together; files that are written do not have it.
        rate: Frames per second, where the pictures are the frames of a video; None: they are not.
        every: Look at each k-th only.
        read: Reads a file, BGR.
    """

    live = moving = False

    def __init__(self, pictures: Sequence[Named], *, name: str, rate: float | None = None, every: int = 1,
                 read: Callable[[Path], Picture] | None = None) -> None:
        self.pictures, self.name, self.rate, self.every = list(pictures), name, rate, every
        self.total: int | None = len(self.pictures[::every])
        self.files, self.seen = [picture.path for picture in self.pictures], Seen()
        self._read = read or (lambda path: read_image(path, to_rgb=False))

    def frames(self, stop: Stop) -> Iterator[Frame]:
        """See ``Source``; the note of a picture that cannot be read is what its reader said."""
        for place, picture in list(enumerate(self.pictures))[::self.every]:
            if stop():
                return
            try:
                image = self._read(picture.path)
            except (ValueError, OSError) as error:
                self.seen.broken.append(str(picture.path))
                self.seen.notes.append(str(error))
                continue
            self.seen.frames += 1
            index = place if picture.index is None else picture.index
            time = index / self.rate if self.rate else None
            yield Frame(image, index, time, str(picture.path), picture.image_id)


def in_order(paths: Iterator[Path]) -> list[Path]:
    """By name, with numbers by their value: ``frame_9`` before ``frame_10``."""
    return sorted(paths, key=lambda path: [(int(part), '') if part.isdecimal() else (-1, part)
                                           for part in re.split(r'(\d+)', path.name)])


def annotated_pictures(path: Path) -> tuple[dict[str, list[Named]], dict[str, int]]:
    """What a COCO file names.

    File names are relative to the file's folder, or to the one above it, as in ``DATA/annotations/val.json``.

    Returns:
        Pictures by video, those of no video under the file's name; and category ids by name.

    Raises:
        FileNotFoundError: no such file, or its first picture is at neither place.
        ValueError: no COCO file, or it names no pictures.
    """
    content = _coco(path)
    roots = (path.parent, path.parent.parent)
    first = str(content['images'][0]['file_name'])
    root = next((one for one in roots if (one / first).is_file()), None)
    if root is None:
        raise FileNotFoundError(f'{path} names {first}, which is neither in {roots[0]} nor in {roots[1]}')
    videos = {video['id']: str(video['name']) for video in content.get('videos', ())}
    found: dict[str, list[Named]] = {}
    for image in content['images']:
        video = videos.get(image.get('video_id'), path.stem)
        found.setdefault(video, []).append(Named(root / image['file_name'], int(image['id']), image.get('frame_id')))
    for pictures in found.values():
        pictures.sort(key=lambda picture: -1 if picture.index is None else picture.index)
    return found, {str(one['name']): int(one['id']) for one in content.get('categories', ())}


def _coco(path: Path) -> Mapping[str, Any]:
    try:
        content = json.loads(require_file(path, 'annotation file').read_bytes())
        images = content['images']
        known = bool(images) and all('file_name' in image and 'id' in image for image in images)
    except (ValueError, KeyError, TypeError):
        known = False
    if not known:
        raise ValueError(f'{path} is no COCO file with pictures: it needs images with id and file_name')
    return content
