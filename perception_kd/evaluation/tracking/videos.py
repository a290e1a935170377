"""Videos with true and predicted tracks, from a COCO-video file and COCO results with ``track_id``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.evaluation.uav.boxes import Floats, Ints
from perception_kd.evaluation.uav.predictions import read_predictions
from perception_kd.evaluation.uav.truth import CLASSES, is_ignored, read_truth


@dataclass(frozen=True)
class Boxes:
    """Of one frame.

    Args:
        boxes: ``(N, 4)`` left, top, width, height, px.
        ids: ``(N,)`` of the target or the track, each once.
        labels: ``(N,)`` categories.
        scores: ``(N,)``; ones for true boxes.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    ids: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    labels: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    scores: Floats = field(default_factory=lambda: np.zeros(0))


@dataclass(frozen=True)
class Frame:
    """One frame: true boxes, predicted ones, and regions ``(R, 4)`` where nothing counts."""

    truth: Boxes = field(default_factory=Boxes)
    found: Boxes = field(default_factory=Boxes)
    ignored: Floats = field(default_factory=lambda: np.zeros((0, 4)))


@dataclass(frozen=True)
class Video:
    """A video, its frames in order."""

    name: str
    frames: tuple[Frame, ...]


def read_videos(tracks: str | Path, ann: str | Path, *, classes: Sequence[str] = CLASSES,
                   least_score: float = 0.0) -> list[Video]:
    """Videos in the order of their names.

    Args:
        tracks: COCO results with ``track_id``; rows without one, or with -1, belong to no track and are left out.
        ann: COCO-video file with ``instance_id``. Pictures of no video are left out.
        classes: Names of the categories that count.
        least_score: Predictions below are left out.

    Raises:
        FileNotFoundError, ValueError: as ``read_truth`` and ``read_predictions``; no video, no identities, no track, or
            an id that stands twice in a frame.
    """
    truth = read_truth(ann, classes)
    read_predictions(tracks, truth)
    content, rows = read_json(ann), read_json(tracks)
    true_rows = _by_image(row for row in content['annotations'] if row['category_id'] in truth.categories)
    found_rows = _by_image(row for row in rows if _track(row, tracks) >= 0 and row['score'] >= least_score)
    if not found_rows:
        raise ValueError(f'{tracks}: no prediction{" of that score" if least_score else ""} has a track_id: write '
                         'tracks with tools/infer.py')
    videos: dict[str, list[tuple[Any, Any]]] = defaultdict(list)
    for image in content['images']:
        if image.get('video_id') is not None:
            videos[truth.images[image['id']].video].append((_number(image, ann), image['id']))
    if not videos:
        raise ValueError(f'{ann}: no picture has a video_id, so there is nothing to follow')
    return [Video(name, tuple(_frame(true_rows.get(image, ()), found_rows.get(image, ()), ann, tracks)
                                 for _, image in sorted(frames)))
            for name, frames in sorted(videos.items())]


def _by_image(rows: Iterable[Mapping[str, Any]]) -> dict[Any, list[Mapping[str, Any]]]:
    found: dict[Any, list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        found[row['image_id']].append(row)
    return found


def _track(row: Mapping[str, Any], path: str | Path) -> int:
    """Its track's id; -1 for none."""
    name = row.get('track_id')
    if name is None:
        return -1
    if not isinstance(name, int) or isinstance(name, bool):
        raise ValueError(f'{path}: track_id {name!r} of image {row["image_id"]} is no whole number')
    return name


def _number(image: Mapping[str, Any], path: str | Path) -> int:
    number = image.get('frame_id')
    if not isinstance(number, int):
        raise ValueError(f'{path}: image {image["id"]} is of a video, but has no frame_id')
    return number


def _frame(truth: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], ann: str | Path,
           tracks: str | Path) -> Frame:
    counted = [row for row in truth if not is_ignored(row)]
    for row in counted:
        if not isinstance(row.get('instance_id'), int):
            raise ValueError(f'{ann}: annotation {row["id"]} has no instance_id: where it is not known which box is '
                             'which target, tracks cannot be scored')
    ignored = np.array([row['bbox'] for row in truth if is_ignored(row)], float).reshape(-1, 4)
    return Frame(_boxes(counted, 'instance_id', ann), _boxes(found, 'track_id', tracks), ignored)


def _boxes(rows: Sequence[Mapping[str, Any]], key: str, path: str | Path) -> Boxes:
    ids = np.array([row[key] for row in rows], np.int64)
    names, counts = np.unique(ids, return_counts=True)
    if (counts > 1).any():
        raise ValueError(f'{path}: {key} {names[counts > 1][0]} stands twice in image {rows[0]["image_id"]}')
    return Boxes(np.array([row['bbox'] for row in rows], float).reshape(-1, 4), ids,
                 np.array([row['category_id'] for row in rows], np.int64),
                 np.array([row.get('score', 1.0) for row in rows], float))
