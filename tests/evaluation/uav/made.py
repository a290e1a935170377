"""Data sets of boxes, made by chance or by hand, as the files that people have."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

Row = dict[str, Any]


def coco(images: list[Row], annotations: list[Row], classes: tuple[str, ...] = ('drone',), **more: Any) -> Row:
    """A COCO file's content; annotations get ids from 1, areas and ``iscrowd`` where they have none."""
    full = [{'id': number, 'category_id': 1, 'iscrowd': 0, 'area': row['bbox'][2] * row['bbox'][3], **row}
            for number, row in enumerate(annotations, 1)]
    return dict(images=images, annotations=full,
                categories=[dict(id=number, name=name) for number, name in enumerate(classes, 1)], **more)


def frame(number: int, video: int | None = None) -> Row:
    """An entry of ``images``."""
    row = dict(id=number, file_name=f'images/{number:03d}.png', width=640, height=512)
    return row if video is None else {**row, 'video_id': video, 'frame_id': number}


def save(folder: Path, name: str, content: Any) -> Path:
    """Write JSON."""
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def random_world(seed: int, images: int = 12, *, classes: int = 1, crowds: bool = True,
                 videos: int = 4) -> tuple[Row, list[Row]]:
    """A COCO file and results: targets of 3 to 150 px, some of them found well, some badly, some not, some twice.

    Every fourth image is without targets; scores are of two digits, so that some are equal.
    """
    random = np.random.default_rng(seed)
    annotations: list[Row] = []
    results: list[Row] = []
    for image in range(1, images + 1):
        for _ in range(0 if image % 4 == 0 else random.integers(0, 5)):
            side = float(np.exp(random.uniform(np.log(3), np.log(150))))
            box = [*random.uniform(0, 400, 2).tolist(), *(side * random.uniform(0.7, 1.4, 2)).tolist()]
            category = int(random.integers(1, classes + 1))
            annotations.append(dict(image_id=image, bbox=box, category_id=category,
                                    iscrowd=int(crowds and random.random() < 0.15)))
            for _ in range(random.integers(0, 3)):
                shaken = np.array(box) + random.normal(0, side * random.choice([0.02, 0.1, 0.4]), 4)
                results.append(_result(random, image, category, shaken))
        for _ in range(random.integers(0, 4)):
            box = np.concatenate([random.uniform(0, 400, 2), random.uniform(3, 90, 2)])
            results.append(_result(random, image, int(random.integers(1, classes + 1)), box))
    random.shuffle(results)
    names = ('drone', 'bird', 'airplane')[:classes]
    content = coco([frame(number, 1 + number % videos) for number in range(1, images + 1)], annotations, names,
                   videos=[dict(id=number, name=f'clip_{number}') for number in range(1, videos + 1)])
    return content, results


def _result(random: np.random.Generator, image: int, category: int, box: np.ndarray) -> Row:
    box[2:] = np.maximum(box[2:], 0.5)
    return dict(image_id=image, category_id=category, bbox=box.tolist(), score=round(float(random.random()), 2))
