"""Infos of a whole file, and which of them are the past of which."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

LONGEST_STEP = 1.5
"""Key frames further apart than this many usual intervals do not follow each other."""


class InfoStore:
    """Read-only infos as one block of bytes: loader workers and copies of a data set share it.

    mmengine's data set packs the entries of its own list alike, but a subset of it has lost all others, and a key
    frame's past need not be in the subset.

    Args:
        infos: Plain data.
    """

    def __init__(self, infos: Sequence[dict[str, Any]]) -> None:
        block, ends = bytearray(), []
        for info in infos:
            block += pickle.dumps(info, protocol=4)
            ends.append(len(block))
        self._ends, self._bytes = np.array(ends, np.int64), np.frombuffer(block, np.uint8)

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """A copy of one's own."""
        start = self._ends[row - 1] if row else 0
        return pickle.loads(memoryview(self._bytes[start:self._ends[row]]))

    def __deepcopy__(self, memo: dict[int, Any]) -> InfoStore:
        return self


def past_rows(infos: Sequence[dict[str, Any]], frames_back: Sequence[int]) -> NDArray[np.int32]:
    """Rows of the infos that lie so many key frames before each info.

    Infos of a scene (``scene_token``) are taken in the order of their ``timestamp``, wherever they stand in the file.
    What would lie before a scene's first frame is that first frame, as in CRN. A gap in time counts as a start too: a
    step of more than ``LONGEST_STEP`` times the median one, beyond which "so many frames ago" would be another age.

    Args:
        infos: N infos.
        frames_back: K numbers above 0.

    Returns:
        (N, K) rows of ``infos``.
    """
    count, back = len(infos), np.array(frames_back, np.int64)
    if not count:
        return np.zeros((0, len(back)), np.int32)
    scenes = np.unique([info['scene_token'] for info in infos], return_inverse=True)[1]
    times = np.array([info['timestamp'] for info in infos], np.float64)
    order = np.lexsort((times, scenes))
    same, step = np.diff(scenes[order]) == 0, np.diff(times[order])
    longest = LONGEST_STEP * np.median(step[same]) if same.any() else 0.0
    begins = np.concatenate([[True], ~same | (step > longest)])
    place = np.arange(count)
    first = np.maximum.accumulate(np.where(begins, place, 0))
    rows = np.empty((count, len(back)), np.int32)
    rows[order] = order[np.maximum(place[:, None] - back, first[:, None])]
    return rows


def check_frames_back(past_frames: Any) -> tuple[int, ...]:
    """Newest first.

    Raises:
        ValueError: not a list of different whole numbers above 0.
    """
    listed = isinstance(past_frames, Sequence) and not isinstance(past_frames, str)
    if not listed or not all(type(back) is int and back > 0 for back in past_frames) \
            or len(set(past_frames)) < len(past_frames):
        raise ValueError('past_frames must be different whole numbers above 0, such as (2, 4, 6): how many key frames '
                         f'back; got {past_frames!r}')
    return tuple(sorted(past_frames))
