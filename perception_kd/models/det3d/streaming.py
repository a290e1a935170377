"""Inference frame by frame: what was seen is kept, and only brought to the BEV grid again."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from perception_kd.datasets.nuscenes.poses import frame_motion
from perception_kd.models.det3d.frames import Frame

KEPT = ('cam2img', 'img_aug_matrix', 'cam2lidar', 'radar')  # of a frame's inputs; its pictures are not needed again


class _Moment(NamedTuple):
    seen: Any
    frame: Frame
    lidar2global: np.ndarray


class StreamingMemory:
    """The last frames of the drive at hand, as the view transform saw them.

    Memories are perspective features, not BEV maps: pooled into the current frame's grid they give exactly what
    recomputing the past frames from their pictures gives. Warped BEV maps would not.

    Args:
        past_frames: Which frames before the current one are merged, as of the data set: ``(2, 4, 6)``. Where a scene
            is younger, its first frame stands in.
    """

    def __init__(self, *, past_frames: Sequence[int]) -> None:
        if not past_frames or min(past_frames) < 1:
            raise ValueError(f'past_frames are numbers from 1, got {tuple(past_frames)}')
        self.past_frames = tuple(past_frames)
        self._moments: deque[_Moment] = deque(maxlen=max(self.past_frames) + 1)
        self._last: tuple[str, float] | None = None

    def add(self, seen: Any, frame: Frame, meta: Mapping[str, Any]) -> None:
        """Remember the current frame (one sample); another scene, or time that goes back, begins a new drive.

        Args:
            seen: What the view transform's ``perceive`` gave.
            frame: The key frame.
            meta: Metainfo of the sample: ``scene_token``, ``timestamp``, ``ego2global``, ``lidar2ego``.

        Raises:
            ValueError: More than one sample; metainfo without a pose.
        """
        if len(frame.to_bev) != 1:
            raise ValueError(f'streaming goes frame by frame: set batch_size=1, got {len(frame.to_bev)}')
        missing = [key for key in ('scene_token', 'timestamp', 'ego2global', 'lidar2ego') if key not in meta]
        if missing:
            raise ValueError(f'streaming needs {", ".join(missing)} in the metainfo of a sample')
        now = (meta['scene_token'], float(meta['timestamp']))
        if self._last is None or self._last[0] != now[0] or now[1] <= self._last[1]:
            self._moments.clear()
        self._last = now
        kept = {key: frame.inputs[key] for key in KEPT if key in frame.inputs}
        pose = np.asarray(meta['ego2global'], np.float64) @ np.asarray(meta['lidar2ego'], np.float64)
        self._moments.append(_Moment(seen, frame._replace(inputs=kept), pose))

    def recall(self) -> list[tuple[Any, Frame]]:
        """Past frames for the frame that was added last, newest first: what was seen, and the frame moved to it."""
        now = self._moments[-1]
        return [self._moved(self._moments[max(len(self._moments) - 1 - back, 0)], now) for back in self.past_frames]

    def _moved(self, past: _Moment, now: _Moment) -> tuple[Any, Frame]:
        aug = now.frame.to_bev
        motion = torch.from_numpy(frame_motion(past.lidar2global, now.lidar2global)).to(aug)[None]
        inputs = {**past.frame.inputs, 'to_key': motion}
        return past.seen, Frame(inputs, aug @ motion, past.frame.points_aug)

    def __deepcopy__(self, memo: dict) -> StreamingMemory:
        return StreamingMemory(past_frames=self.past_frames)
