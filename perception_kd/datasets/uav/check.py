"""What a converted set holds, and what would spoil a training or a score on it."""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from perception_kd.datasets.uav.coco_video import annotation_path
from perception_kd.datasets.uav.formats.coco import read_coco_file
from perception_kd.datasets.uav.names import DRONE, SPLITS

SIZE_BINS = (('below 2 px', 0.0, 2.0), ('very tiny, 2-8', 2.0, 8.0), ('tiny, 8-16', 8.0, 16.0),
             ('small, 16-32', 16.0, 32.0), ('medium, 32-64', 32.0, 64.0), ('above 64', 64.0, math.inf))
"""Name, from, to below: the square root of the area in px, by AI-TOD (Wang et al., ICPR 2020)."""
_CHUNK = 2**20


@dataclass
class CheckReport:
    """Of a converted set.

    Args:
        splits: Split -> ``videos``, ``pictures``, ``empty`` (pictures without any box), ``without_drone``, ``boxes``
            (by category), ``sizes`` (by bin of :data:`SIZE_BINS`), ``below_1px`` (width or height).
        problems: What is wrong, a line each.
        notes: What to think about, a line each.
    """

    splits: dict[str, dict[str, Any]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """For people."""
        found = []
        for split, row in self.splits.items():
            boxes = ', '.join(f'{count} {name}' for name, count in row['boxes'].items()) or 'no box'
            found.append(f'{split}: {row["videos"]} videos, {row["pictures"]} pictures ({row["empty"]} without a box, '
                         f'{row["without_drone"]} without a drone); {boxes}')
            found.append('  sizes: ' + ', '.join(f'{name}: {count}' for name, count in row['sizes'].items()))
            if row['below_1px']:
                found.append(f'  {row["below_1px"]} boxes less than 1 px wide or high: ignored in training and scores')
        found += [f'note: {line}' for line in self.notes]
        return found + [f'PROBLEM: {line}' for line in self.problems]


def check_set(root: Path) -> CheckReport:
    """Read all annotation files and all pictures of a converted set.

    Raises:
        FileNotFoundError, ValueError: no annotation file, or one that is none.
    """
    report = CheckReport()
    files = {split: annotation_path(root, split) for split in SPLITS if annotation_path(root, split).is_file()}
    if not files:
        raise FileNotFoundError(f'{annotation_path(root, SPLITS[0])} does not exist; convert a set first')
    contents = {split: read_coco_file(path) for split, path in files.items()}
    for split, content in contents.items():
        report.splits[split] = count_content(content)
        _check_ids(split, content, report)
    _check_categories(contents, report)
    _check_videos(contents, report)
    _check_pictures(root, contents, report)
    return report


def count_content(content: Mapping[str, Any]) -> dict[str, Any]:
    """Row of a split, see :class:`CheckReport`."""
    names = {row['id']: row['name'] for row in content['categories']}
    boxes, sizes = Counter(), dict.fromkeys((name for name, _, _ in SIZE_BINS), 0)
    with_box, with_drone = set(), set()
    below = 0
    drone = next((number for number, name in names.items() if name == DRONE), next(iter(names), None))
    for row in content['annotations']:
        if not is_box(row['bbox']):
            continue
        width, height = row['bbox'][2:]
        boxes[names.get(row['category_id'], '?')] += 1
        sizes[bin_of(math.sqrt(max(width * height, 0.0)))] += 1
        below += width < 1 or height < 1
        with_box.add(row['image_id'])
        if row['category_id'] == drone:
            with_drone.add(row['image_id'])
    pictures = len(content['images'])
    return dict(videos=len(content['videos']), pictures=pictures, empty=pictures - len(with_box),
                without_drone=pictures - len(with_drone), boxes=dict(boxes.most_common()), sizes=sizes,
                below_1px=below)


def bin_of(side: float) -> str:
    """Name of the bin of a box with this square root of its area, px."""
    return next(name for name, low, high in SIZE_BINS if low <= side < high)


def is_box(values: Sequence[Any]) -> bool:
    """Whether these are four finite numbers."""
    return len(values) == 4 and all(
        isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) for value in values)


def _check_ids(split: str, content: Mapping[str, Any], report: CheckReport) -> None:
    ids = [row.get('id') for row in content['annotations']]
    if any(not isinstance(number, int) or number < 1 for number in ids) or len(set(ids)) < len(ids):
        report.problems.append(f'{split}: ids of annotations must be different and count from 1')
    pictures = {row['id']: row for row in content['images']}
    outside = [row for row in content['annotations'] if not _inside(row['bbox'], pictures.get(row['image_id']))]
    if outside:
        report.problems.append(f'{split}: {len(outside)} boxes are not inside of a picture, first: {outside[0]}')


def _inside(bbox: Sequence[float], picture: Mapping[str, Any] | None) -> bool:
    if picture is None or not is_box(bbox):
        return False
    left, top, width, height = bbox
    return (left >= 0 and top >= 0 and width > 0 and height > 0 and left + width <= picture['width'] + 1e-3
            and top + height <= picture['height'] + 1e-3)


def _check_categories(contents: Mapping[str, Any], report: CheckReport) -> None:
    lists = {split: [(row['id'], row['name']) for row in content['categories']] for split, content in contents.items()}
    if len({str(one) for one in lists.values()}) > 1:
        report.problems.append('the splits differ in their categories or the ids of these')
    for split in set(SPLITS[:2]) - contents.keys():
        report.notes.append(f'there is no split {split}')


def _check_videos(contents: Mapping[str, Any], report: CheckReport) -> None:
    seen: dict[str, str] = {}
    twice = []
    for split, content in contents.items():
        for name in {row['name'] for row in content['videos']}:
            if seen.setdefault(name, split) != split:
                twice.append(f'{name} ({seen[name]} and {split})')
    if twice:
        report.problems.append(f'{len(twice)} videos have frames in two splits: {", ".join(sorted(twice)[:3])}; split '
                               'anew by --ignore-splits, or if these are different videos, name them by --video')


def _check_pictures(root: Path, contents: Mapping[str, Any], report: CheckReport) -> None:
    """Look for missing files, and for the same bytes in two splits."""
    missing, by_size = [], {}
    for split, content in contents.items():
        for row in content['images']:
            path = root / row['file_name']
            if path.is_file():
                by_size.setdefault(path.stat().st_size, []).append((split, row['file_name']))
            else:
                missing.append(str(path))
    if missing:
        report.problems.append(f'{len(missing)} pictures are missing, first: {missing[0]}')
    shared, repeated = [], 0
    for members in by_size.values():
        owners: dict[bytes, tuple[str, str]] = {}
        for split, name in members if len(members) > 1 else ():  # files of different sizes differ
            other, same = owners.setdefault(_digest(root / name), (split, name))
            if other != split:
                shared.append(f'{same} is {name}')
            repeated += other == split and same != name
    if shared:
        report.problems.append(f'{len(shared)} pictures are in two splits, first: {shared[0]}')
    if repeated:
        report.notes.append(f'{repeated} pictures are byte for byte another of their split')


def _digest(path: Path) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    with path.open('rb') as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
