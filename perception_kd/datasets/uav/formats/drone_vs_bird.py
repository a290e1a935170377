"""Drone-vs-Bird challenge (WOSDETC): a text file a video.

A line a frame: ``frame count`` and then ``x y width height class`` for each object, px from the upper left corner,
such as ``0 1 1551 162 24 21 drone``. Only drones are labelled: birds are background. The annotations are public
(``annotations/`` of the challenge's repository), the videos come on request; both lie anywhere below the root.
"""

from __future__ import annotations

from pathlib import Path

from perception_kd.datasets.uav.listing import VIDEOS, find_files
from perception_kd.datasets.uav.names import DRONE, split_of
from perception_kd.datasets.uav.records import Box, Clip, Frame, Source, Tally
from perception_kd.datasets.uav.small_files import numbers_in, read_lines

_WORDS = 5  # of an object


def read_drone_vs_bird(root: Path, tally: Tally) -> Source:
    """Videos with a text file of the same name.

    Raises:
        FileNotFoundError: no such pair.
    """
    labels = {path.stem: path for path in find_files(root, ('.txt',))}
    clips, videos = [], set()
    for video in find_files(root, VIDEOS):
        if video.stem not in labels:
            tally.add('videos left out: no label file', video)
        elif video.stem in videos:
            tally.add('videos left out: another has the same name', video)
        else:
            frames = read_frame_lines(labels[video.stem], tally)
            if frames:
                split = split_of([*video.relative_to(root).parts[:-1]])[0]
                clips.append(Clip(name=video.stem, frames=frames, video=video, split=split))
            videos.add(video.stem)
    for name in sorted(labels.keys() - videos):
        tally.add('label files without a video', labels[name])
    if not clips:
        raise FileNotFoundError(f'{root}: no video ({", ".join(VIDEOS)}) with a text file of the same name')
    splits = {clip.split for clip in clips}
    if len(splits) == 1:  # one folder of training videos is all that is labelled: no split
        clips = [Clip(name=clip.name, frames=clip.frames, video=clip.video) for clip in clips]
    return Source(clips=tuple(clips), categories=(DRONE,))


def read_frame_lines(path: Path, tally: Tally) -> tuple[Frame, ...]:
    """Frames of a label file. A line that is none is counted, and its frame left out: what it shows is not known.

    Raises:
        ValueError: no text.
    """
    frames: dict[int, Frame] = {}
    for place, line in enumerate(read_lines(path), 1):
        if not line:
            continue
        frame = _frame(line.split())
        if frame is None:
            tally.add('frames left out: a line that is none', f'{path}: line {place}')
        elif frame.number in frames:
            tally.add('lines left out: the frame has one already', f'{path}: line {place}')
        else:
            frames[frame.number] = frame
    return tuple(frames[number] for number in sorted(frames))


def _frame(words: list[str]) -> Frame | None:
    counted, objects = words[:2], words[2:]
    if len(counted) < 2 or not all(word.isascii() and word.isdigit() and len(word) < 10 for word in counted):
        return None
    if len(objects) != int(counted[1]) * _WORDS:
        return None
    boxes = []
    for start in range(0, len(objects), _WORDS):
        numbers = numbers_in(objects[start:start + 4])
        if numbers is None:
            return None
        boxes.append(Box(objects[start + 4], numbers))
    return Frame(boxes=tuple(boxes), number=int(counted[0]))
