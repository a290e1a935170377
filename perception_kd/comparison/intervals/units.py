"""What is drawn with replacement: scenes, or blocks of consecutive frames where there are few scenes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from perception_kd.evaluation.fast.boxes import Ints
from perception_kd.evaluation.resampling.bootstrap import FEW_SCENES

BLOCK_FRAMES = 10


@dataclass(frozen=True)
class Units:
    """Parts of a data set that may be drawn on their own.

    Args:
        of_frame: ``(F,)`` number of the unit of each key frame, from 0.
        kind: In words.
    """

    of_frame: Ints
    kind: str

    @property
    def count(self) -> int:
        """How many."""
        return int(self.of_frame.max()) + 1

    def __str__(self) -> str:
        return f'{self.count} {self.kind}'


def find_units(scene: Ints, time: Ints, block_frames: int = BLOCK_FRAMES) -> Units:
    """Scenes where there are ten or more; else their frames, in order of time, cut into blocks of equal length.

    Neighbouring frames show the same objects, so single frames are not drawn (moving blocks: Künsch, "The Jackknife
    and the Bootstrap for General Stationary Observations", 1989; the blocks here do not overlap). Scenes of one frame
    each, as readers of recordings without tracks make them, are taken for one recording.

    Args:
        scene: ``(F,)`` number of the scene of each key frame.
        time: ``(F,)`` time stamps.
        block_frames: Frames in a block, as nearly as they divide.

    Raises:
        ValueError: Blocks of less than a frame.
    """
    if block_frames < 1:
        raise ValueError(f'a block has at least one frame, got {block_frames}')
    sizes = np.bincount(scene)
    if (sizes <= 1).all():
        scene = np.zeros_like(scene)
    elif np.count_nonzero(sizes) >= FEW_SCENES:
        return Units(np.unique(scene, return_inverse=True)[1], 'scenes')
    of_frame, count = np.empty(len(scene), np.int64), 0
    for number in np.unique(scene):
        frames = np.flatnonzero(scene == number)
        frames = frames[np.argsort(time[frames], kind='stable')]
        for block in np.array_split(frames, max(1, round(len(frames) / block_frames))):
            of_frame[block] = count
            count += 1
    return Units(of_frame, f'blocks of about {block_frames} consecutive frames')
