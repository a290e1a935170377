"""Pascal VOC's XML labels, which count pixels from 0 or from 1, depending on the tool that wrote them.

PASCAL's own count from 1 and name the first and last pixel that belong to the object: the box is ``xmin - 1`` to
``xmax`` (origin 1). labelImg and most tools after it write edges counted from 0: ``xmin`` to ``xmax`` (origin 0). The
files do not say which; a coordinate of 0 in a set that is read with origin 1 is counted, for it cannot be.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element

from perception_kd.datasets.uav.listing import PICTURES, Grouping, by_key, clips_of, find_files, part_by_split
from perception_kd.datasets.uav.names import SPLITS
from perception_kd.datasets.uav.records import Box, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import numbers_in, read_lines, read_xml

_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')


def read_voc(root: Path, tally: Tally, *, origin: int = 1, grouping: Grouping | None = None) -> Source:
    """A folder of pictures with an XML file each (``JPEGImages`` and ``Annotations``, ``train/img`` and ``train/xml``).

    Splits are those of ``ImageSets/Main/{train,val,test}.txt`` or of folder names. A picture without XML file is left
    out and counted: nothing says that it was looked at.

    Args:
        root: The folder.
        tally: Gets what is odd.
        origin: 1 where pixels are counted from 1, as PASCAL does; 0 as labelImg does.
        grouping: Which pictures are one video.

    Raises:
        FileNotFoundError, ValueError: no picture with a label, or another origin.
    """
    if origin not in (0, 1):
        raise ValueError(f'pixels are counted from 0 or 1, not from {origin}')
    frames = dict(_frames(root, origin, tally))
    if not frames:
        raise FileNotFoundError(f'{root}: no picture with an XML file of the same name')
    lists = _image_sets(root)
    clips = [part for clip in clips_of(frames.items(), grouping or Grouping())
             for part in part_by_split(clip, lambda path: lists.get(path.stem, ''))]
    categories = sorted({box.category for frame in frames.values() for box in frame.boxes})
    return Source(clips=tuple(clips), categories=tuple(categories))


def read_xml_boxes(path: Path, origin: int, tally: Tally) -> tuple[tuple[Box, ...], tuple[int, int] | None]:
    """Boxes (px, from 0) of one label file, and the picture's width and height, if it says them (0: it does not).

    Objects that are none are counted.

    Raises:
        FileNotFoundError, ValueError: no such file, or no XML.
    """
    boxes, content = [], read_xml(path)
    for place, entry in enumerate(content.iter('object'), 1):
        box = _box(entry, origin)
        if box is None:
            tally.add('objects left out: no name or no bndbox of four numbers', f'{path}: object {place}')
            continue
        if origin and min(box.xywh[:2]) < 0:
            tally.add('boxes at pixel 0 though pixels count from 1 (is --origin 0 meant?)', f'{path}: object {place}')
        boxes.append(box)
    size = [(content.findtext(f'size/{side}') or '').strip() for side in ('width', 'height')]
    told = all(word.isascii() and word.isdigit() and int(word[:9]) > 0 for word in size)
    return tuple(boxes), (int(size[0][:9]), int(size[1][:9])) if told else None


def _box(entry: Element, origin: int) -> Box | None:
    name, corners = (entry.findtext('name') or '').strip(), entry.find('bndbox')
    words = [(corners.findtext(corner) or '').strip() for corner in _CORNERS] if corners is not None else ['']
    numbers = numbers_in(words)
    if not name or numbers is None:
        return None
    left, top, right, bottom = numbers
    left, top = left - origin, top - origin
    return Box(name, (left, top, right - left, bottom - top))


def _frames(root: Path, origin: int, tally: Tally) -> Iterator[tuple[str, Frame]]:
    pictures = by_key(find_files(root, PICTURES), root, tally)
    labels = by_key(find_files(root, ('.xml',)), root, tally)
    for key, label in labels.items():
        if key not in pictures:
            tally.add('label files without a picture', label)
            continue
        try:
            boxes, size = read_xml_boxes(label, origin, tally)
            yield key, Frame(boxes=boxes, path=pictures[key], claimed=size)
        except ValueError as error:
            tally.add('pictures left out: a label file that cannot be read', error)
    for key in pictures.keys() - labels.keys():
        tally.add('pictures left out: no label file', pictures[key])


def _image_sets(root: Path) -> dict[str, str]:
    """Picture name -> split, from PASCAL's lists."""
    found: dict[str, str] = {}
    for split in SPLITS:
        path = root / 'ImageSets' / 'Main' / f'{split}.txt'
        if path.is_file():
            found.update({line.split()[0]: split for line in read_lines(path) if line})
    return found
