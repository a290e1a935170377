"""ByteTrack's two-stage association with a cost of one's choice (Zhang et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perception_kd.registry import TRACKERS
from perception_kd.tracking.assignment import assign
from perception_kd.tracking.camera_motion import PhaseShift
from perception_kd.tracking.costs import BufferedIoU, Cost, Limits
from perception_kd.tracking.kalman import BoxFilter

NO_TRACK = -1


@dataclass
class Track:
    """One target.

    Attributes:
        filter: Where it is.
        label: Its class.
        id: From 1 on; ``NO_TRACK`` until it was seen ``confirm`` times.
        seen: Boxes that it had.
        missed: Frames since the last one.
    """

    filter: BoxFilter
    label: int
    id: int = NO_TRACK
    seen: int = 1
    missed: int = 0


@TRACKERS.register_module(name='byte')
class ByteTracker:
    """Confident boxes are matched first, then boxes of low scores to the tracks that still miss one.

    A new track has no id until ``confirm`` frames in a row show it, but for those of the first frame. The thresholds
    are ByteTrack's for detectors of people: for one that is less sure, take what its precision and recall say.

    Args:
        cost: What boxes are compared with; None: buffered IoU.
        high: Scores from here on are confident.
        low: Scores below are not looked at.
        init: Scores from here on begin a track; None: 0.1 above ``high``.
        keep: Frames that a track lives on without a box.
        confirm: Boxes in a row that make a track.
        limits: What a match may cost: of confident boxes, of others, of tracks without id; None: the cost's own.
        by_class: Match boxes of one class only.
        camera_motion: ``phase`` takes the shift of the picture off, see ``PhaseShift``; ``update`` then needs it.

    Raises:
        ValueError: a number out of range.
    """

    def __init__(self, *, cost: Cost | None = None, high: float = 0.6, low: float = 0.1,
                 init: float | None = None, keep: int = 30, confirm: int = 2, limits: Limits | None = None,
                 by_class: bool = True, camera_motion: str | None = None) -> None:
        init = min(high + 0.1, 1.0) if init is None else init
        if not 0 <= low <= high <= init <= 1:
            raise ValueError(f'a tracker needs 0 <= low <= high <= init <= 1, got low {low}, high {high}, init {init}')
        if keep < 0 or confirm < 1:
            raise ValueError(f'a tracker keeps for 0 frames or more and confirms by 1 or more, got keep {keep}, '
                             f'confirm {confirm}')
        if camera_motion not in (None, 'phase'):
            raise ValueError(f"camera_motion is None or 'phase', got {camera_motion!r}")
        self.cost = cost or BufferedIoU()
        self.limits = tuple(limits or self.cost.limits)
        if len(self.limits) != 3 or not all(limit >= 0 for limit in self.limits):
            raise ValueError(f'limits are three numbers of 0 or more, got {self.limits}')
        self.high, self.low, self.init = high, low, init
        self.keep, self.confirm, self.by_class = keep, confirm, by_class
        self.motion = PhaseShift() if camera_motion == 'phase' else None
        self.reset()

    def reset(self) -> None:
        """Forget all tracks: a new video begins, and ids with it."""
        self.tracks: list[Track] = []
        self._frames = self._ids = 0
        if self.motion is not None:
            self.motion.reset()

    def update(self, boxes: NDArray, scores: NDArray, labels: NDArray, *, image: NDArray | None = None) -> NDArray:
        """Take in the next frame.

        Args:
            boxes: ``(N, 4)`` xyxy px; N may be 0.
            scores, labels: ``(N,)``.
            image: The frame, for ``camera_motion``.

        Returns:
            ``(N,)`` ids from 1 on, -1 for boxes of no track.

        Raises:
            ValueError: shapes that do not fit, numbers that are not finite, a box whose end comes before its begin, or
                no image where one is needed. The tracks are then as they were.
        """
        boxes, scores, labels = _checked(boxes, scores, labels)
        offset = self._offset(image)
        for track in self.tracks:
            track.filter.predict(seen=track.missed == 0)
            track.filter.shift(offset)
        owners: dict[int, Track] = {}
        confident = np.flatnonzero(scores >= self.high)
        unsure = np.flatnonzero((scores >= self.low) & (scores < self.high))
        known = [track for track in self.tracks if track.id != NO_TRACK]
        young = [track for track in self.tracks if track.id == NO_TRACK]
        known, confident = self._match(known, confident, boxes, labels, self.limits[0], owners)
        self._match([one for one in known if one.missed == 0], unsure, boxes, labels, self.limits[1], owners)
        _, confident = self._match(young, confident, boxes, labels, self.limits[2], owners)
        self._age(owners, boxes)
        for index in np.flatnonzero((scores >= self.init) & ~np.isin(np.arange(len(scores)), list(owners))):
            owners[int(index)] = Track(BoxFilter(boxes[index]), int(labels[index]))
            self.tracks.append(owners[int(index)])
        self._name(owners)
        self._frames += 1
        return np.array([owners[index].id if index in owners else NO_TRACK for index in range(len(boxes))], dtype=int)

    def _offset(self, image: NDArray | None) -> NDArray:
        if self.motion is None:
            return np.zeros(2)
        if image is None:
            raise ValueError('a tracker with camera_motion needs the picture of each frame: update(..., image=frame)')
        return self.motion(image)

    def _match(self, tracks: Sequence[Track], indices: NDArray, boxes: NDArray, labels: NDArray, limit: float,
               owners: dict[int, Track]) -> tuple[list[Track], NDArray]:
        """Give boxes to tracks, in ``owners``; what is left of both comes back."""
        places = np.array([track.filter.box for track in tracks]).reshape(-1, 4)
        costs = self.cost(places, boxes[indices])
        if self.by_class:
            other = np.array([track.label for track in tracks], dtype=int)[:, None] != labels[indices][None]
            costs = np.where(other, np.inf, costs)
        pairs = assign(costs, limit)
        owners.update({int(indices[column]): tracks[row] for row, column in pairs})
        rows, columns = ({pair[side] for pair in pairs} for side in (0, 1))
        return ([track for row, track in enumerate(tracks) if row not in rows],
                np.delete(indices, sorted(columns)).astype(int))

    def _age(self, owners: dict[int, Track], boxes: NDArray) -> None:
        """Correct the tracks that have a box; drop what was missed for too long, or before it had an id."""
        matched = {id(track): index for index, track in owners.items()}
        for track in self.tracks:
            index = matched.get(id(track))
            if index is None:
                track.missed += 1
            else:
                track.filter.correct(boxes[index])
                track.seen, track.missed = track.seen + 1, 0
        self.tracks = [track for track in self.tracks
                       if track.missed <= (self.keep if track.id != NO_TRACK else 0)]

    def _name(self, owners: dict[int, Track]) -> None:
        """Ids for the tracks of this frame that are confirmed now, in the order of their boxes."""
        for index in sorted(owners):
            track = owners[index]
            if track.id == NO_TRACK and (track.seen >= self.confirm or self._frames == 0):
                self._ids += 1
                track.id = self._ids


def _checked(boxes: NDArray, scores: NDArray, labels: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The inputs as arrays of the shapes that they should have."""
    boxes, scores, labels = np.asarray(boxes, dtype=float), np.asarray(scores, dtype=float), np.asarray(labels)
    boxes = boxes.reshape(-1, 4) if boxes.size == 0 else boxes
    count = len(boxes)
    if boxes.shape != (count, 4) or scores.shape != (count,) or labels.shape != (count,):
        raise ValueError(f'a tracker takes boxes (N, 4), scores (N,) and labels (N,), got {boxes.shape}, '
                         f'{scores.shape} and {labels.shape}')
    if not (np.isfinite(boxes).all() and np.isfinite(scores).all()):
        raise ValueError('a tracker was given boxes or scores that are not finite')
    if (boxes[:, 2:] < boxes[:, :2]).any():
        raise ValueError('a tracker was given a box whose right or lower side comes before the left or upper one: '
                         'boxes are x1, y1, x2, y2')
    return boxes, scores, labels.astype(int)
