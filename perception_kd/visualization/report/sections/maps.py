"""What distillation works on, seen from above: the pictures that ``maps.json`` lists."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from perception_kd.visualization.report.blocks import Block, Gallery, Heading, Picture, Section
from perception_kd.visualization.report.media import picture_block
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.words import sentence

LEAD = ('What the pairs of the distiller compare, on the ground around the vehicle: where a loss counts, how strong '
        'teacher and student answer there, and how far apart they are, before training and after it.')


def section(runs: RunSet) -> Section | None:
    """A part for each group of maps; None without any."""
    groups: dict[str, list[Picture]] = {}
    for path in runs.extras.maps:
        for entry in _read(path):
            picture = _picture(path.parent, entry)
            if picture:
                groups.setdefault(entry.get('group') or '', []).append(picture)
    blocks: list[Block] = []
    for name, pictures in groups.items():
        if name and len(groups) > 1:
            blocks.append(Heading(sentence(re.sub(r'\blidar\b', 'LiDAR', name.replace('_', ' ')))))
        blocks.append(pictures[0] if len(pictures) == 1 else Gallery(pictures))
    return Section('maps', 'Maps of distillation', LEAD, blocks) if blocks else None


def _read(path: Path) -> list[Mapping[str, str]]:
    """Entries of the list.

    Raises:
        ValueError: something else.
    """
    try:
        found = json.loads(path.read_bytes())
        entries = found['pictures']
        if all(isinstance(entry, dict) and isinstance(entry.get('file'), str) for entry in entries):
            return entries
    except (ValueError, TypeError, KeyError):
        pass
    raise ValueError(f'{path} is damaged: not what tools/visualize.py maps writes; move it away to report without it')


def _picture(folder: Path, entry: Mapping[str, str]) -> Picture | None:
    """The picture, if it is still there."""
    path = folder / entry['file']
    if not path.is_file() or not path.resolve().is_relative_to(folder.resolve()):
        return None
    title, caption = (str(entry.get(key) or '').strip().rstrip('.') for key in ('title', 'caption'))
    words = '. '.join(part for part in (sentence(title), caption) if part)
    return picture_block(path, title or path.stem, f'{words}.' if words else '', width=1200)
