"""Fitting anchors to an annotation file, and telling the result as a piece of a config."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from perception_kd.datasets.uav.small_files import read_json
from perception_kd.files import require_file, write_bytes
from perception_kd.models.uav.anchor_search import AnchorFit, fit_of, flat, search_anchors

MOST_BOXES = 20000  # are looked at; a random part of more


def box_sizes(path: str | Path, *, image_size: int, classes: Sequence[str]) -> np.ndarray:
    """``(N, 2)`` widths and heights in px of the network input, pictures letterboxed to a square.

    Args:
        path: COCO's JSON.
        image_size: Side of the square, px; the longer side of every picture becomes it, of smaller ones too.
        classes: Names of categories; boxes of others and crowds are left out.

    Raises:
        FileNotFoundError: no such file.
        ValueError: it is no COCO file, or has no box of the classes.
    """
    if Path(path).is_dir():
        raise ValueError(f'{path} is a folder: give the training pictures of a converted set, such as '
                         'OUT/annotations/train.json (python tools/convert.py uav-yolo --root DIR --out OUT)')
    content = read_json(require_file(path, 'annotation file'))
    if not isinstance(content, dict) or not {'images', 'annotations', 'categories'} <= set(content):
        raise ValueError(f'{path} is no COCO file: images, annotations and categories are asked for')
    try:
        ids = {row['id'] for row in content['categories'] if row['name'] in classes}
        scale = {row['id']: image_size / max(row['width'], row['height']) for row in content['images']}
        found = [np.asarray(row['bbox'][2:], dtype=np.float64) * scale[row['image_id']]
                 for row in content['annotations'] if row['category_id'] in ids and not row.get('iscrowd')]
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ValueError(f'{path} is damaged: {type(error).__name__}: {error}') from error
    sizes = np.asarray(found, dtype=np.float64).reshape(-1, 2)
    sizes = sizes[np.isfinite(sizes).all(1) & (sizes > 0).all(1)]
    if not len(sizes):
        known = ', '.join(str(row.get('name')) for row in content['categories'])
        raise ValueError(f'{path} has no box of {", ".join(classes)}; its categories are {known}')
    return sizes


def fit_anchors(path: str | Path, *, image_size: int, classes: Sequence[str], levels: int, per_level: int,
                generations: int, seed: int, before: Sequence[Any] | None) -> tuple[list, AnchorFit, AnchorFit | None]:
    """New anchors, how they fit, and how ``before`` does (None without), see :func:`search_anchors`."""
    sizes = box_sizes(path, image_size=image_size, classes=classes)
    looked_at = sizes
    if len(sizes) > MOST_BOXES:
        looked_at = np.random.default_rng(seed).choice(sizes, MOST_BOXES, replace=False)
    anchors = search_anchors(looked_at, levels=levels, per_level=per_level, generations=generations, seed=seed)
    return anchors, fit_of(sizes, flat(anchors)), None if before is None else fit_of(sizes, flat(before))


def snippet(anchors: Sequence[Sequence[Sequence[float]]], about: str) -> str:
    """A piece of a config: the variable ``anchors``."""
    rows = ',\n'.join(f'    {[[float(f"{side:g}") for side in anchor] for anchor in level]}' for level in anchors)
    return f'# {about}\nanchors = [\n{rows}]\n'


def write_snippet(path: str | Path, text: str) -> None:
    """Write the piece as a file of its own, whole or not at all."""
    write_bytes(path, text.encode())
