"""DUT Anti-UAV: pictures for detection (``{train,val,test}/{img,xml}``) and 20 sequences for tracking.

A sequence is a folder of pictures, in itself or in ``img``, with a text file of ``x y width height`` a line: ``gt.txt``
or ``groundtruth.txt`` in the folder, or ``<folder>_gt.txt`` anywhere below the root. A line of zeros or of NaN is a
frame without a drone. Its authors split the pictures, not the sequences.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from perception_kd.datasets.uav.formats.voc import read_voc
from perception_kd.datasets.uav.listing import PICTURES, Grouping, find_files
from perception_kd.datasets.uav.names import DRONE, split_of
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import numbers_in, read_lines

_OWN_NAMES = ('gt', 'groundtruth', 'groundtruth_rect')


def read_dut(root: Path, tally: Tally, *, origin: int = 0, part: str = 'both') -> Source:
    """Both parts, as far as they are there.

    Args:
        root: Folder that holds the splits of the detection part, the sequences, or both.
        tally: Gets what is odd.
        origin: Of the pixels, see :mod:`voc`; of both parts.
        part: ``detection``, ``tracking`` or ``both``.

    Raises:
        FileNotFoundError, ValueError: nothing of the wanted part is there.
    """
    if part not in ('detection', 'tracking', 'both'):
        raise ValueError(f'part is detection, tracking or both, not {part!r}')
    clips: list[Clip] = []
    categories = {DRONE}
    if part != 'tracking' and find_files(root, ('.xml',)):
        # Pictures of a sequence have no XML file: only the detection part's folders are read.
        for folder in sorted({path.parent.parent for path in find_files(root, ('.xml',))}):
            found = read_voc(folder, tally, origin=origin, grouping=Grouping(single=True))
            name = folder.relative_to(root).parts[-1:] or ('',)
            clips += [replace(clip, name='/'.join((*name, clip.name)).strip('/'), split=clip.split or split_of(name)[0])
                      for clip in found.clips]
            categories.update(found.categories)
    if part != 'detection':
        clips += _sequences(root, origin, tally)
    if not clips:
        raise FileNotFoundError(f'{root}: neither img and xml folders nor sequences with a gt.txt (part {part})')
    return Source(clips=tuple(clips), categories=tuple(sorted(categories)))


def read_track_lines(path: Path, origin: int, tally: Tally) -> list[tuple[Box, ...] | None]:
    """Boxes of each line; None for a line that is none, which is counted.

    Raises:
        ValueError: no text.
    """
    found: list[tuple[Box, ...] | None] = []
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    for place, line in enumerate(lines, 1):
        numbers = numbers_in(re.split(r'[,\s]+', line.strip(', \t')))
        if numbers is None or len(numbers) != 4:
            tally.add('frames left out: a line that is no rectangle', f'{path}: line {place}')
            found.append(None)
        elif not any(numbers) or all(math.isnan(number) for number in numbers):
            found.append(())
        else:
            left, top, width, height = numbers
            found.append((Box(DRONE, (left - origin, top - origin, width, height), instance=1),))
    return found


def _sequences(root: Path, origin: int, tally: Tally) -> Iterator[Clip]:
    folders: dict[Path, list[Path]] = {}
    for picture in find_files(root, PICTURES):
        parent = picture.parent
        folders.setdefault(parent.parent if parent.name in ('img', 'imgs') else parent, []).append(picture)
    labels = {path.stem.removesuffix('_gt'): path for path in find_files(root, ('.txt',))
              if path.stem.endswith('_gt')}
    labels.update({path.parent.name: path for path in find_files(root, ('.txt',)) if path.stem in _OWN_NAMES})
    for folder, pictures in folders.items():
        label = labels.pop(folder.name, None)
        if label is None:
            continue
        rows = read_track_lines(label, origin, tally)
        if len(rows) != len(pictures):
            tally.add('sequences whose pictures and labels differ in number', label)
        frames = [Frame(boxes=boxes, path=path, number=number)
                  for number, (path, boxes) in enumerate(zip(pictures, rows)) if boxes is not None]
        if frames:
            yield Clip(name=f'tracking/{folder.name}', frames=tuple(frames))
    for label in labels.values():
        tally.add('label files without pictures', label)
