"""Pictures and boxes of a data set, as it lies there: a COCO-video file, or a YOLO folder read without conversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import refuse_pseudo_labels
from perception_kd.datasets.uav.boxes import clean_box
from perception_kd.datasets.uav.formats.coco import boxes_of, read_coco_file
from perception_kd.datasets.uav.formats.yolo import read_yolo
from perception_kd.datasets.uav.names import category_of, category_order
from perception_kd.datasets.uav.pictures import look_at_picture
from perception_kd.datasets.uav.place import clean_boxes
from perception_kd.datasets.uav.records import Clip, Tally
from perception_kd.files import require_folder

_MOST = 2**31  # px


@dataclass(frozen=True)
class Labelled:
    """What a data set is made of.

    Args:
        where: File or folder, for messages.
        rows: ``img_path``, ``img_id``, ``height``, ``width``, perhaps ``video_id`` and ``frame_id``, and ``boxes``:
            ``xywh`` px inside of the picture, ``category_id``, ``iscrowd``, ``instance_id`` (or None).
        categories: Name -> id.
        tally_lines: What was odd.
    """

    where: Path
    rows: list[dict[str, Any]]
    categories: Mapping[str, int]
    tally_lines: list[str]


def coco_pictures(path: Path, pictures: Path, *, truth: bool) -> Labelled:
    """Of a COCO file, with videos or without.

    Args:
        path: The file.
        pictures: Folder that ``file_name`` is below.
        truth: Models are judged by these boxes.

    Raises:
        FileNotFoundError, ValueError: no such file, or damaged; pseudo-labels as truth.
    """
    if not path.is_file():
        raise FileNotFoundError(f'{path} does not exist; make it with: python tools/convert.py uav-yolo --root DIR '
                                f'--out {path.parent.parent} (or another format: --help), or name it by ann_file')
    tally, content = Tally(), read_coco_file(path)
    if truth:
        refuse_pseudo_labels(content['info'], path)
    if not content['images']:
        raise ValueError(f'{path}: names no picture')
    boxes = boxes_of(content, path, tally)
    rows = []
    for image in content['images']:
        size = _size_of(image, path)
        found = []
        for box, category in boxes.get(image['id'], ()):
            numbers, fault = clean_box(box.xywh, size)
            if fault:
                tally.add(fault, f'{path}: picture {image["id"]}')
            if numbers is not None:
                found.append(dict(xywh=numbers, category_id=category, iscrowd=box.crowd, instance_id=box.instance))
        more = {key: image[key] for key in ('video_id', 'frame_id') if isinstance(image.get(key), int)}
        rows.append(dict(img_path=str(pictures / image['file_name']), img_id=image['id'], height=size[1], width=size[0],
                         boxes=found, **more))
    return Labelled(path, rows, {row['name']: row['id'] for row in content['categories']}, tally.lines())


def yolo_pictures(root: Path, split: str) -> Labelled:
    """Of one split of a YOLO folder. Names of categories are the usual ones (UAV is drone).

    Raises:
        FileNotFoundError, ValueError: no YOLO folder, no picture of that split, or a picture that cannot be read.
    """
    tally = Tally()
    source = read_yolo(require_folder(root, 'YOLO folder'), tally)
    clips = [clip for clip in source.clips if clip.split == split or split == 'all']
    if not clips:
        there = sorted({clip.split or 'no split' for clip in source.clips})
        other = next((f'score on another one (test_ann=annotations/{name}.json), or ' for name in there
                      if name in ('val', 'test')), '')
        raise FileNotFoundError(
            f'{root}: no picture of split {split or "(none)"} (there: {", ".join(there)}); {other}split the set by '
            f'video: python tools/convert.py uav-yolo --root {root} --out OUT')
    names = category_order(category_of(name, {}) for name in source.categories)
    ids = {name: number for number, name in enumerate(names, 1)}
    rows: list[dict[str, Any]] = []
    for number, clip in enumerate(sorted(clips, key=lambda clip: clip.name), 1):
        rows += [{**row, 'img_id': len(rows) + place} for place, row in enumerate(_rows(clip, number, ids, tally), 1)]
    return Labelled(root, rows, ids, tally.lines())


def _rows(clip: Clip, number: int, ids: Mapping[str, int], tally: Tally) -> list[dict[str, Any]]:
    rows = []
    for frame in clip.frames:
        size, turned = look_at_picture(frame.path)
        if turned:
            raise ValueError(f'{frame.path}: stored turned (EXIF orientation), and read as stored; write such pictures '
                             'upright with: python tools/convert.py uav-yolo --root DIR --out DIR')
        boxes = [dict(xywh=box.xywh, category_id=ids[box.category], iscrowd=box.crowd, instance_id=box.instance)
                 for box in clean_boxes(frame, size, {}, tally, where=frame.path)]
        more = {} if clip.single else dict(video_id=number, frame_id=frame.number)
        rows.append(dict(img_path=str(frame.path), height=size[1], width=size[0], boxes=boxes, **more))
    return rows


def _size_of(image: Mapping[str, Any], path: Path) -> tuple[int, int]:
    size = image.get('width'), image.get('height')
    if not all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < _MOST for side in size):
        raise ValueError(f'{path}: picture {image["id"]} has no width and height; convert the set again')
    return size
