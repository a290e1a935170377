"""An exported graph at work in onnxruntime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from perception_kd.export.graph import NOWHERE, stack_past
from perception_kd.export.runtime import open_session


class OnnxStudent:
    """Runs a file of ``tools/export.py --format onnx`` on the CPU, sample by sample.

    Args:
        path: The file.

    Attributes:
        meta: What the file says of itself: ``config``, ``inputs``, ``outputs``, ``tasks``, ``point_cloud_range``, ...
        shapes: Of the inputs.

    Raises:
        FileNotFoundError: No such file.
        ImportError: onnxruntime is not installed.
        ValueError: The file is no graph of a student.
    """

    def __init__(self, path: str | Path) -> None:
        self.session, self.meta = open_session(path)
        self.shapes = {one.name: tuple(one.shape) for one in self.session.get_inputs()}
        self.keys = tuple(name for name in self.shapes if not name.startswith('past_'))
        self.outputs = [one.name for one in self.session.get_outputs()]

    def run(self, feed: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """All outputs by name."""
        found = self.session.run(self.outputs, {name: value.numpy() for name, value in feed.items()})
        return {name: torch.from_numpy(value) for name, value in zip(self.outputs, found)}

    def feed(self, inputs: Mapping[str, Any], sample: int = 0) -> dict[str, Tensor]:
        """The graph's inputs from the loader's; past frames are looked at first, one by one.

        Raises:
            ValueError: An input is missing or has another shape.
        """
        key = self._frame(inputs, sample)
        if 'past_to_key' not in self.shapes:
            return key
        blank = {name: torch.zeros(shape) for name, shape in self.shapes.items() if name.startswith('past_')}
        moments = []
        for past in inputs.get('past', ()):
            frame = self._frame(past, sample)
            moments.append((frame, self.run({**frame, **blank}), past['to_key'][sample]))
        if len(moments) != self.shapes['past_to_key'][0]:
            raise ValueError(f'the graph merges {self.shapes["past_to_key"][0]} past frames, the batch has '
                             f'{len(moments)}')
        feed = {**key, **stack_past(self.keys, moments)}
        return {name: feed[name] for name in self.shapes}

    def prepared(self, batch: Mapping[str, Any]) -> Callable[[], dict[str, Tensor]]:
        """A call that runs the graph on the first sample of a batch, its inputs made beforehand."""
        feed = self.feed(batch['inputs'])
        return lambda: self.run(feed)

    def _frame(self, inputs: Mapping[str, Any], sample: int) -> dict[str, Tensor]:
        missing = [name for name in self.keys if name not in inputs]
        if missing:
            raise ValueError(f'the graph takes {", ".join(missing)}, the batch has only {", ".join(inputs)}')
        found = {name: inputs[name][sample] for name in self.keys}
        if 'radar' in found:
            found['radar'] = padded(found['radar'], self.shapes['radar'][0])
        for name, value in found.items():
            if tuple(value.shape) != self.shapes[name]:
                raise ValueError(f"the graph takes '{name}' of {self.shapes[name]}, got {tuple(value.shape)}")
        return found


def padded(cloud: Tensor, rows: int) -> Tensor:
    """``(M, 7)`` -> ``(rows, 7)``, filled with points that lie off every grid and behind every depth bin.

    Raises:
        ValueError: More points than rows.
    """
    if len(cloud) > rows:
        raise ValueError(f'a radar cloud has {len(cloud)} points, the graph takes {rows}: export with --radar-points '
                         f'{len(cloud)} or more')
    return torch.cat([cloud.float(), cloud.new_full((rows - len(cloud), cloud.shape[1]), NOWHERE).float()])
