"""The student as a function of named tensors, one sample at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten_with_path, tree_unflatten

from perception_kd.benchmark.synthetic import FRAME_KEYS
from perception_kd.models.det3d.frames import Frame

NOWHERE = 1e6  # m; where padding of radar clouds lies
MEANING = {
    'img': '(N, 3, H, W) RGB pictures 0..255 of the size the student was trained with',
    'cam2img': '(N, 3, 3) intrinsics of the pictures before they were resized and cropped',
    'img_aug_matrix': '(N, 3, 3) pixel of the picture before resizing and cropping -> pixel of img',
    'cam2lidar': '(N, 4, 4) camera -> {frame} frame, m',
    'radar': f'(M, 7) x, y, z, rcs, vx, vy, dt in the {{frame}} frame (m, dBsm, m/s, s); unused rows hold {NOWHERE:g} '
             'm as x and y, or NaN',
    'to_key': '(P, 4, 4) {frame} frame of each past frame -> the current one, m',
}
FRAMES = {'lidar': 'LiDAR', 'ego': 'ego'}


def meaning(key: str, frame: str) -> str:
    """What an input holds, where "LiDAR frame" is ``frame``: ``lidar``, or ``ego`` behind ``ToBEVFrame``."""
    return MEANING[key].format(frame=FRAMES[frame])


class StudentGraph(nn.Module):
    """Takes a sample's inputs by name and gives the raw maps of the head, ``<map>_<task>``.

    A student that merges past frames streams: it also gives what it saw, ``seen_<name>``, and takes what it saw in
    past frames, ``past_<name>`` stacked newest first, with these frames' own inputs and ``past_to_key``.

    Args:
        student: A ``CameraRadarDetector`` that this graph may keep; its memory is replaced.
        keys: Inputs that it reads, of ``FRAME_KEYS``.
    """

    def __init__(self, student: nn.Module, keys: tuple[str, ...]) -> None:
        super().__init__()
        self.student = student.eval()
        self.keys = tuple(key for key in FRAME_KEYS if key in keys)
        self.memory = None
        if getattr(student, 'temporal', None) is not None:
            self.memory = student.memory = _GivenMemory(student.temporal.frames - 1)

    def forward(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without any ``past_*`` input the frame itself stands in for the past ones, as where a drive begins."""
        lists = {key: [inputs[key]] for key in self.keys}
        batch = self.student.data_preprocessor(dict(inputs=lists, data_samples=[None]), False)['inputs']
        if self.memory is not None:
            self.memory.given = {name.removeprefix('past_'): value for name, value in inputs.items()
                                 if name.startswith('past_')}
        trunk, _ = self.student.extract_feat(batch, [{}])
        tasks = [task[0] for task in self.student.head([trunk])]
        maps = {f'{name}_{index}': value for index, task in enumerate(tasks) for name, value in task.items()}
        return maps if self.memory is None else {**maps, **self.memory.seen_outputs()}


Moment = tuple[Mapping[str, Tensor], Mapping[str, Tensor], Tensor]


def stack_past(keys: Sequence[str], moments: Sequence[Moment]) -> dict[str, Tensor]:
    """The ``past_*`` inputs: each past frame's inputs, what the graph gave for it, and its ``to_key``, newest first.

    Args:
        keys: Inputs of a frame; its pictures are left out.
        moments: One for each past frame.
    """
    stacked = {f'past_{key}': torch.stack([inputs[key] for inputs, _, _ in moments]) for key in keys if key != 'img'}
    for name in moments[0][1]:
        if name.startswith('seen_'):
            stacked['past_' + name.removeprefix('seen_')] = torch.stack([outputs[name] for _, outputs, _ in moments])
    stacked['past_to_key'] = torch.stack([to_key for _, _, to_key in moments])
    return stacked


class _GivenMemory:
    """Stands for ``StreamingMemory`` where the past comes in as tensors."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.given: dict[str, Tensor] = {}

    def add(self, seen: Any, frame: Frame, meta: Mapping[str, Any]) -> None:
        """Keep the current frame."""
        self._seen, self._frame = seen, frame

    def recall(self) -> list[tuple[Any, Frame]]:
        """Past frames as they were given, newest first."""
        if not self.given:
            return [(self._seen, self._frame)] * self.frames
        return [self._moment(index) for index in range(self.frames)]

    def seen_outputs(self) -> dict[str, Tensor]:
        """``seen_<name>`` of the current frame."""
        leaves, _ = _leaves(self._seen)
        return {f'seen_{name}': value for name, value in leaves.items() if isinstance(value, Tensor)}

    def _moment(self, index: int) -> tuple[Any, Frame]:
        leaves, spec = _leaves(self._seen)
        values = [self.given[name][index] if isinstance(value, Tensor) else value for name, value in leaves.items()]
        seen = tree_unflatten(values, spec)
        inputs = {key: self.given[key][index][None] for key in FRAME_KEYS if key in self.given}
        if 'radar' in inputs:
            inputs['radar'] = list(inputs['radar'])
        to_key = self.given['to_key'][index][None]
        return seen, Frame({**inputs, 'to_key': to_key}, to_key, torch.eye(4)[None])


def _leaves(seen: Any) -> tuple[dict[str, Any], TreeSpec]:
    """Values of nested named tuples by the names of their fields."""
    leaves, spec = tree_flatten_with_path(seen)
    return {'_'.join(str(getattr(key, 'name', getattr(key, 'idx', ''))) for key in path): value
            for path, value in leaves}, spec
