"""The faults of one frame, as the loaders meet them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from perception_kd.faults.base import Draw, Fault

_EDITED = ('images', 'lidar_points', 'lidar_sweeps', 'radar_points')


class FrameFaults:
    """``frame['faults']``: loaders hand it what they have read.

    Args:
        faults: In the order in which they act.
        key: What seeds all draws.
        scene: Token of the frame's scene.
    """

    def __init__(self, faults: Sequence[Fault], key: Sequence[Any], scene: str) -> None:
        names = [type(fault).__name__ for fault in faults]
        self._faults = [(fault, (*key, name, names[:place].count(name)))
                        for place, (fault, name) in enumerate(zip(faults, names))]
        self._scene = scene

    def edit(self, frame: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of the frame's infos with the faults in them, and itself as ``faults``."""
        frame = {**frame, **{key: _copied(frame[key]) for key in _EDITED if key in frame}, 'faults': self}
        for fault, key in self._faults:
            fault.edit(frame, lambda *args, key=key: Draw(key, self._scene, *args))
        return frame

    def acts_on(self, sensor: str) -> bool:
        """Whether what is read from this kind of sensor is changed."""
        return any(fault.sensor == sensor and fault.acts_on_data() for fault, _ in self._faults)

    def change(self, sensor: str, data: np.ndarray, channel: str, file: str,
               info: Mapping[str, Any] | None = None) -> np.ndarray:
        """What was read, with the faults in it; see :meth:`Fault.change`."""
        for fault, key in self._faults:
            if fault.sensor == sensor and fault.acts_on_data():
                data = fault.change(data, Draw(key, self._scene, channel, file, info))
        return data


def _copied(value: Any) -> Any:
    """Containers are copied, arrays and numbers shared."""
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value
