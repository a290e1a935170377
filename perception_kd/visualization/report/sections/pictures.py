"""Pictures and films that lie in folders called ``pictures``: a scene, a comparison, a drive."""

from __future__ import annotations

from pathlib import Path

from perception_kd.visualization.report.blocks import Block, Gallery, Section
from perception_kd.visualization.report.media import film_block, picture_block
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.sections.frames import can_draw
from perception_kd.visualization.report.sections.view3d import is_3d

KNOWN = {
    'compare': ('Truth and models side by side, from above and through the front camera.',
                'One key frame as each model sees it: found in green, missed in orange, made up in red, matched by the '
                'rule that nuScenes scores by.'),
    'scene': ('All cameras and the view from above with predictions, truth, LiDAR and radar.',
             'One key frame whole: all cameras and the view from above, with predictions in the colours of their '
             'classes, truth, LiDAR points and radar returns.'),
    'film': ('A film of a drive, key frame by key frame.',
             'A scene of the split, key frame by key frame. Boxes that come and go from one to the next are what a '
             'tracker would stumble over.'),
}
MOST = 12


def section(runs: RunSet) -> Section | None:
    """Known pictures one below the other, films, then others side by side; None without any.

    A comparison is left out where the section of frames shows better chosen ones.
    """
    pictures = [path for path in runs.extras.matching('pictures/*.png', 'pictures/*.jpg', 'pictures/*.jpeg')
                if not is_3d(path)]
    shown = KNOWN.keys() - ({'compare'} if can_draw(runs) else set())
    known = sorted((path for path in pictures if path.stem in shown), key=lambda path: list(KNOWN).index(path.stem))
    others = [path for path in pictures if path.stem not in KNOWN][:MOST]
    blocks: list[Block] = [picture_block(path, *KNOWN[path.stem]) for path in known]
    blocks += [film_block(path, *_words(path)) for path in runs.extras.matching('pictures/*.mp4') if not is_3d(path)]
    if others:
        blocks.append(Gallery([picture_block(path, *_words(path), width=900) for path in others]))
    lead = 'What the sensors see and what the models make of it.'
    return Section('pictures', 'A look at the data', lead, blocks) if blocks else None


def _words(path: Path) -> tuple[str, str]:
    """Alternative text and caption."""
    name = path.stem.replace('_', ' ')
    return KNOWN.get(path.stem, (f'Picture {name}.', name))
