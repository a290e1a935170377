"""True boxes of a COCO file, checked: what is scored against must be beyond doubt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.nuscenes.stamp import refuse_pseudo_labels
from perception_kd.datasets.nuscenes.tables import read_json
from perception_kd.datasets.uav.boxes import LEAST_TARGET
from perception_kd.evaluation.uav.boxes import Floats, Ints, Mask
from perception_kd.files import require_file

CLASSES = ('drone',)
_CURE = 'make the file again'


@dataclass(frozen=True)
class TrueBoxes:
    """Of one picture.

    Args:
        boxes: ``(G, 4)`` left, top, width, height, px of the original picture.
        labels: ``(G,)`` index of the class.
        ignored: ``(G,)`` regions, see :func:`is_ignored`: predictions in one count neither as found nor as false.
    """

    boxes: Floats = field(default_factory=lambda: np.zeros((0, 4)))
    labels: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    ignored: Mask = field(default_factory=lambda: np.zeros(0, bool))

    @property
    def counted(self) -> Floats:
        """``(N, 4)`` those that must be found."""
        return self.boxes[~self.ignored]


@dataclass(frozen=True)
class Image:
    """One picture.

    Args:
        file_name: Relative to the data root.
        video: Name of what it is a frame of; a single picture is a video of its own.
        truth: Its boxes of the classes that are scored; others are left out, as in training.
        size: Width and height, px; None where nothing says so.
    """

    file_name: str
    video: str
    truth: TrueBoxes
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class Truth:
    """What predictions are scored against.

    Args:
        images: By id.
        classes: Names in label order.
        categories: Their ids in the file.
        source: The file; empty where the truth came with the samples.
        info: ``info`` of the file.
    """

    images: Mapping[int, Image]
    classes: tuple[str, ...] = CLASSES
    categories: tuple[int, ...] = (1,)
    source: str = ''
    info: Mapping[str, Any] = field(default_factory=dict)

    def only(self, ids: Iterable[int]) -> Truth:
        """A part of it, in its own order."""
        wanted = set(ids)
        return replace(self, images={key: one for key, one in self.images.items() if key in wanted})

    @property
    def videos(self) -> tuple[str, ...]:
        """Names, in the order of the pictures."""
        return tuple(dict.fromkeys(one.video for one in self.images.values()))


def read_truth(path: str | Path, classes: Sequence[str] = CLASSES) -> Truth:
    """Annotations of a COCO or COCO-video file.

    Args:
        path: JSON with ``images``, ``annotations``, ``categories`` and maybe ``videos`` and ``info``.
        classes: Names of the categories to score, in label order.

    Raises:
        FileNotFoundError, ValueError: no such file; damaged; pseudo-labels; an id that stands twice, or annotation
            id 0, which pycocotools takes for "not matched"; boxes without size; no such category.
    """
    content = read_json(require_file(path, 'annotations'), _CURE)
    if not isinstance(content, dict) or not all(
            isinstance(content.get(key), list) and all(isinstance(row, dict) for row in content[key])
            for key in ('images', 'annotations', 'categories')):
        raise ValueError(f'{path}: not a COCO file: images, annotations and categories are lists of entries; {_CURE}')
    info = content.get('info') if isinstance(content.get('info'), dict) else {}
    refuse_pseudo_labels(info, path)
    try:
        chosen = _categories(content['categories'], classes, path)
        return Truth(_images(content, path, chosen), tuple(classes), chosen, str(path), info)
    except KeyError as error:
        raise ValueError(f'{path}: an entry lacks {error.args[0]!r}; {_CURE}') from None
    except TypeError as error:
        raise ValueError(f'{path}: an id is neither number nor text ({error}); {_CURE}') from None


def simulated_drones(path: str | Path) -> str:
    """Stamp of the simulation that a COCO file comes from; empty for recordings, and without such a file."""
    content = read_json(Path(path), _CURE) if Path(path).is_file() else {}
    stamp = (content.get('info') or {}).get('stamp') if isinstance(content, dict) else None
    return stamp if isinstance(stamp, str) else ''  # converters leave a table there


def _categories(rows: Sequence[Mapping[str, Any]], classes: Sequence[str], path: str | Path) -> tuple[int, ...]:
    known = {row['name']: row['id'] for row in rows}
    lacking = [name for name in classes if name not in known]
    if lacking or not classes:
        raise ValueError(f'{path}: no category {", ".join(lacking) or "asked for"}; there are '
                         f'{", ".join(known) or "none"}')
    return tuple(known[name] for name in classes)


def _images(content: Mapping[str, Any], path: str | Path, categories: tuple[int, ...]) -> dict[int, Image]:
    ids = [row['id'] for row in content['images']]
    _refuse_twice(ids, 'image', path)
    videos = {row['id']: str(row.get('name', row['id'])) for row in content.get('videos') or ()}
    boxes = _boxes(content['annotations'], set(ids), categories, path)
    found = {}
    for row in content['images']:
        name, video = str(row.get('file_name', row['id'])), row.get('video_id')
        size = (row['width'], row['height']) if {'width', 'height'} <= row.keys() else None
        found[row['id']] = Image(name, name if video is None else videos.get(video, str(video)),
                                 boxes.get(row['id'], TrueBoxes()), size)
    return found


def _boxes(rows: Sequence[Mapping[str, Any]], images: set[int], categories: tuple[int, ...],
           path: str | Path) -> dict[int, TrueBoxes]:
    _refuse_twice([row['id'] for row in rows], 'annotation', path)
    labels = {category: label for label, category in enumerate(categories)}
    gathered: dict[int, list[tuple[Any, int, bool]]] = {}
    for row in rows:
        what = f'{path}: annotation {row["id"]}'
        if row['id'] == 0:
            raise ValueError(f'{path}: an annotation has id 0, which pycocotools takes for "not matched", so its find '
                             'would count as a false alarm; number annotations from 1')
        if row['image_id'] not in images:
            raise ValueError(f'{what} is of image {row["image_id"]}, which is not there; {_CURE}')
        box = check_box(row['bbox'], what)
        if box[2] <= 0 or box[3] <= 0:
            raise ValueError(f'{what}: a box {box[2]:g} x {box[3]:g} px has no size; take it out')
        if row['category_id'] in labels:
            gathered.setdefault(row['image_id'], []).append(
                (box, labels[row['category_id']], is_ignored(row)))
    return {image: TrueBoxes(*(np.array(column) for column in zip(*found))) for image, found in gathered.items()}


def is_ignored(row: Mapping[str, Any]) -> bool:
    """Whether an annotation is a crowd, or less than 1 px wide or high: what training ignores, too."""
    return bool(row.get('iscrowd', 0)) or min(row['bbox'][2:]) < LEAST_TARGET


def check_box(box: Any, what: str) -> tuple[float, ...]:
    """Left, top, width, height as numbers.

    Raises:
        ValueError: ``what`` has none; not four, not finite, or of negative size.
    """
    try:
        numbers = tuple(float(one) for one in box)
    except (TypeError, ValueError):
        numbers = ()
    if len(numbers) != 4 or not np.isfinite(numbers).all() or min(numbers[2:]) < 0:
        raise ValueError(f'{what}: bbox is {box!r}, not left, top, width, height in pixels')
    return numbers


def _refuse_twice(ids: Sequence[Any], what: str, path: str | Path) -> None:
    twice = next((key for key, count in Counter(ids).items() if count > 1), None)
    if twice is not None:
        raise ValueError(f'{path}: {what} id {twice} stands twice; {_CURE}')
