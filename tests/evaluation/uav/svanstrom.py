"""Real pictures of drones, birds, airplanes and helicopters (Svanström et al., 2021), as a COCO-video file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from tests.evaluation.uav.made import coco

CLASSES = ('drone', 'bird', 'airplane', 'helicopter')
WIDTH, HEIGHT = 640, 512


def svanstrom(root: Path, most: int | None = None) -> dict[str, Any]:
    """Of the validation pictures, or the first so many of each video."""
    images, annotations = [], []
    videos: dict[str, int] = {}
    for path in sorted((root / 'images' / 'val').glob('*.jpg')):
        name, number = re.fullmatch(r'(.*)_(\d+)', path.stem).groups()
        video = videos.setdefault(name, len(videos) + 1)
        if most is not None and sum(row['video_id'] == video for row in images) >= most:
            continue
        images.append(dict(id=len(images) + 1, file_name=path.relative_to(root).as_posix(), width=WIDTH, height=HEIGHT,
                           video_id=video, frame_id=int(number)))
        labels = root / 'labels' / 'val' / f'{path.stem}.txt'
        for line in labels.read_text().splitlines() if labels.is_file() else ():
            category, x, y, wide, tall = map(float, line.split())
            annotations.append(dict(
                image_id=len(images), category_id=int(category) + 1,
                bbox=[(x - wide / 2) * WIDTH, (y - tall / 2) * HEIGHT, wide * WIDTH, tall * HEIGHT]))
    return coco(images, annotations, CLASSES, videos=[dict(id=number, name=name) for name, number in videos.items()],
                info=dict(source='Svanström', licence='CC0-1.0'))


def guesses(content: dict[str, Any], seed: int = 0) -> list[dict[str, Any]]:
    """What a middling detector of drones might say: most drones well or less well, some birds and airplanes too."""
    random = np.random.default_rng(seed)
    found = []
    for row in content['annotations']:
        drone = row['category_id'] == 1
        if random.random() < (0.8 if drone else 0.3):
            box = np.array(row['bbox'])
            box += random.normal(0, random.choice([0.04, 0.25]) * np.sqrt(box[2] * box[3]), 4)
            box[2:] = np.maximum(box[2:], 2)
            found.append(dict(image_id=row['image_id'], category_id=1, bbox=box.tolist(),
                              score=float(random.beta(4, 2) if drone else random.beta(2, 4))))
    for _ in range(len(content['images']) // 10):
        found.append(dict(image_id=int(random.integers(1, len(content['images']) + 1)), category_id=1,
                          bbox=[*random.uniform(0, 480, 2).tolist(), *random.uniform(5, 20, 2).tolist()],
                          score=float(random.beta(2, 5))))
    return found
