"""Pictures and films of ``tools/visualize.py view3d``: a sample in space."""

from __future__ import annotations

from pathlib import Path

from perception_kd.visualization.report.blocks import Block, Gallery, Section
from perception_kd.visualization.report.media import film_block, picture_block
from perception_kd.visualization.report.runs import RunSet

NAME = 'view3d'
MOST = 8
_CAPTION = 'One key frame: LiDAR points as dots, radar returns as diamonds, boxes with their headings and velocities.'
_ALT = 'A sample in space: LiDAR points, radar returns with their velocities, and boxes of truth and predictions.'


def is_3d(path: Path) -> bool:
    """Whether a file's name, or its folder's, says that it is a view in space."""
    return path.stem.startswith(NAME) or path.parent.name == NAME


def section(runs: RunSet) -> Section | None:
    """A film turns first, stills follow; None without any."""
    pictures = [path for path in runs.extras.pictures if is_3d(path)][:MOST]
    films = [path for path in runs.extras.films if is_3d(path)]
    blocks: list[Block] = [film_block(path, _ALT, _caption(path)) for path in films]
    if len(pictures) == 1:
        blocks.append(picture_block(pictures[0], _ALT, _caption(pictures[0])))
    elif pictures:
        blocks.append(Gallery([picture_block(path, _ALT, _caption(path), width=1000) for path in pictures]))
    lead = 'The same world in space: what LiDAR and radar measure, where objects are, and where the model puts them.'
    return Section('view3d', 'In space', lead, blocks) if blocks else None


def _caption(path: Path) -> str:
    name = path.stem.removeprefix(NAME).strip('_-. ').replace('_', ' ')
    return f'View: {name}.' if name else _CAPTION
