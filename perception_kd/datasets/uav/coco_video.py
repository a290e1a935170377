"""The one form of all sets: COCO's JSON with videos, a file a split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from perception_kd.datasets.nuscenes.stamp import PSEUDO_LABELS, refuse_pseudo_labels
from perception_kd.datasets.uav.names import SPLITS
from perception_kd.datasets.uav.place import PlacedClip

SCHEMA = 'perception_kd-uav-1'
FOLDER = 'annotations'


def annotation_path(root: Path, split: str) -> Path:
    """File of a split."""
    return root / FOLDER / f'{split}.json'


def coco_video(clips: Iterable[PlacedClip], categories: Sequence[str], info: Mapping[str, Any]) -> dict[str, Any]:
    """The content of a file.

    Ids count from 1, those of annotations because pycocotools takes a match with annotation 0 for none. Pictures are
    in the order of videos' names and frames' numbers; one that belongs to no video has no ``video_id``.

    Args:
        clips: Of one split.
        categories: All names, in the order of their ids.
        info: ``source``, ``licence``, ``stamp`` and, of pseudo-labels, theirs.
    """
    ids = {name: number for number, name in enumerate(categories, 1)}
    videos: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for clip in sorted(clips, key=lambda clip: clip.name):
        if not clip.single:
            videos.append(dict(id=len(videos) + 1, name=clip.name))
        for frame in clip.frames:
            image = dict(id=len(images) + 1, file_name=frame.file_name, width=frame.size[0], height=frame.size[1])
            images.append(image if clip.single else {**image, 'video_id': len(videos), 'frame_id': frame.number})
            for box in frame.boxes:
                annotations.append(dict(
                    id=len(annotations) + 1, image_id=image['id'], category_id=ids[box.category], bbox=list(box.xywh),
                    area=box.xywh[2] * box.xywh[3], iscrowd=int(box.crowd),
                    **({} if box.instance is None else {'instance_id': box.instance})))
    return dict(info=dict(info), videos=videos, images=images, annotations=annotations,
                categories=[dict(id=number, name=name) for name, number in ids.items()])


def info_of(split: str, pseudo_labels: Mapping[str, Any], common: Mapping[str, Any]) -> dict[str, Any]:
    """``info`` of a split's file.

    Raises:
        ValueError: its boxes are pseudo-labels, and the split is one to evaluate with.
    """
    info = dict(common)
    if split in pseudo_labels:
        info[PSEUDO_LABELS] = pseudo_labels[split]
        if split != SPLITS[0]:
            refuse_pseudo_labels(info, f'split {split} of {common.get("source", "the set")}')
    return info
