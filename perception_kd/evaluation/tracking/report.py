"""Figures of tracks as a table and a file."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from perception_kd.evaluation.tracking.scores import TrackScores
from perception_kd.files import write_json

FILE = 'track_metrics.json'
COLUMNS = ('HOTA', 'DetA', 'AssA', 'MOTA', 'IDF1', 'SA', 'switches', 'missed', 'false', 'targets', 'tracks', 'frames')


def format_scores(scores: TrackScores) -> str:
    """A line a video and one of all: shares in per cent, then counts."""
    width = max(len('all videos'), *(len(name) for name in scores.videos))
    lines = [' ' * width + ''.join(f'{name:>10}' for name in COLUMNS)]
    rows = {**scores.videos, 'all videos': scores.total} if len(scores.videos) != 1 else scores.videos
    lines += [f'{name:<{width}}' + ''.join(_cell(figures[column]) for column in COLUMNS)
              for name, figures in rows.items()]
    likeness = dict(iou='IoU', nwd=f'NWD with {scores.rules.scale:g} px')[scores.rules.similarity]
    return '\n'.join([*lines, f'MOTA and IDF1 at {likeness} of {scores.rules.threshold:g}, HOTA over 0.05 to 0.95; SA: '
                      "Anti-UAV's state accuracy, for videos with one target at a time; -: nothing to measure"])


def write_scores(out: str | Path, scores: TrackScores, **about: Any) -> Path:
    """Write all figures, unrounded, to ``OUT/track_metrics.json``; null where nothing could be measured."""
    path = Path(out) / FILE
    write_json(path, dict(metrics=_strict(scores.total), rules=asdict(scores.rules),
                          videos={name: _strict(one) for name, one in scores.videos.items()}, **about))
    return path


def _strict(figures: Any) -> dict[str, float | None]:
    return {name: None if math.isnan(value) else value for name, value in figures.items()}


def _cell(value: float) -> str:
    if isinstance(value, int):
        return f'{value:>10d}'
    return f'{"-" if math.isnan(value) else f"{100 * value:.2f}":>10}'
