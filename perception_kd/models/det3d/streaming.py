"""Inference frame by frame: what was seen is kept, and only brought to the BEV grid again."""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine import dist
from torch import Tensor

from perception_kd.datasets.nuscenes.poses import frame_motion
from perception_kd.datasets.nuscenes.store import LONGEST_STEP, check_frames_back
from perception_kd.models.det3d.frames import CAMERAS, Frame
from perception_kd.models.layers.matrices import small_product

KEPT = (*CAMERAS, 'radar')  # of a frame's inputs; its pictures are not needed again


class _Moment(NamedTuple):
    seen: Any
    frame: Frame
    lidar2global: np.ndarray


class StreamingMemory:
    """The last frames of the drive at hand, as the view transform saw them.

    Memories are perspective features, not BEV maps: pooled into the current frame's grid they give exactly what
    recomputing the past frames from their pictures gives. Warped BEV maps would not. Copies and pickles leave them out.

    Args:
        past_frames: Which frames before the current one are merged, as of the data set: ``(2, 4, 6)``. Where a drive
            is younger, its first frame stands in.
    """

    def __init__(self, *, past_frames: Sequence[int]) -> None:
        self.past_frames = check_frames_back(past_frames)
        if not self.past_frames:
            raise ValueError('streaming needs past_frames, such as (2, 4, 6)')
        self._steps: deque[float] = deque(maxlen=100)  # seconds between frames, lately
        self.clear()

    def clear(self) -> None:
        """Forget the drive."""
        self._moments: deque[_Moment] = deque(maxlen=max(self.past_frames) + 1)
        self._last: tuple[str, float] | None = None

    def add(self, seen: Any, frame: Frame, meta: Mapping[str, Any]) -> None:
        """Remember the current frame (one sample).

        A new drive begins with another scene, with time that goes back, and after a gap, as in the data set.

        Args:
            seen: What the view transform's ``perceive`` gave.
            frame: The key frame.
            meta: Metainfo of the sample: ``scene_token``, ``timestamp``, ``ego2global``, ``lidar2ego``.

        Raises:
            ValueError: More than one sample or process; metainfo without a pose.
        """
        if dist.get_world_size() > 1:
            raise ValueError('streaming goes frame by frame, and several processes share out the frames: use one')
        if len(frame.to_bev) != 1:
            raise ValueError(f'streaming goes frame by frame: set batch_size=1, got {len(frame.to_bev)}')
        missing = [key for key in ('scene_token', 'timestamp', 'ego2global', 'lidar2ego') if key not in meta]
        if missing:
            raise ValueError(f'streaming needs {", ".join(missing)} in the metainfo of a sample')
        self._begin_if_new(meta['scene_token'], float(meta['timestamp']))
        kept = {key: frame.inputs[key] for key in KEPT if key in frame.inputs}
        pose = np.asarray(meta['ego2global'], np.float64) @ np.asarray(meta['lidar2ego'], np.float64)
        self._moments.append(_Moment(_detached(seen), frame._replace(inputs=kept), pose))

    def _begin_if_new(self, scene: str, time: float) -> None:
        if self._last is not None:
            step = time - self._last[1]
            usual = statistics.median(self._steps) if self._steps else step
            if self._last[0] != scene or step <= 0 or step > LONGEST_STEP * usual:
                self.clear()
            else:
                self._steps.append(step)
        self._last = (scene, time)

    def recall(self) -> list[tuple[Any, Frame]]:
        """Past frames for the frame that was added last, newest first: what was seen, and the frame moved to it."""
        now = self._moments[-1]
        return [self._moved(self._moments[max(len(self._moments) - 1 - back, 0)], now) for back in self.past_frames]

    def _moved(self, past: _Moment, now: _Moment) -> tuple[Any, Frame]:
        aug = now.frame.to_bev
        motion = torch.from_numpy(frame_motion(past.lidar2global, now.lidar2global)).to(aug)[None]
        inputs = {**past.frame.inputs, 'to_key': motion}
        return past.seen, Frame(inputs, small_product(aug, motion), past.frame.points_aug)

    def __getstate__(self) -> dict:
        return {'past_frames': self.past_frames}

    def __setstate__(self, state: dict) -> None:
        self.__init__(**state)


def _detached(seen: Any) -> Any:
    """A tuple of tensors (and sizes) without their graph."""
    return None if seen is None else type(seen)(*(
        part.detach() if isinstance(part, Tensor) else part for part in seen))
