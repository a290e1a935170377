"""Trackers by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from perception_kd.registry import TRACK_COSTS, TRACKERS
from perception_kd.tracking.byte import ByteTracker


def build_tracker(name: str = 'byte', cost: str | Mapping[str, Any] = 'buffered_iou', **settings: Any) -> ByteTracker:
    """A tracker with no tracks yet.

    Args:
        name: ``byte``.
        cost: ``iou``, ``buffered_iou``, ``centre`` or ``nwd``, or a mapping of ``type`` and the cost's own settings.
        settings: Of the tracker, see ``ByteTracker``.

    Raises:
        ValueError: an unknown name or setting, or a number out of range.
    """
    tracker = TRACKERS.module_dict.get(name)
    if tracker is None:
        raise ValueError(f"there is no tracker '{name}', only {', '.join(sorted(TRACKERS.module_dict))}")
    own = dict(type=cost) if isinstance(cost, str) else dict(cost)
    kind = own.pop('type', None)
    known = TRACK_COSTS.module_dict.get(kind)
    if known is None:
        raise ValueError(f"there is no track cost '{kind}', only {', '.join(sorted(TRACK_COSTS.module_dict))}")
    try:
        return tracker(cost=known(**own), **settings)
    except TypeError as error:
        raise ValueError(f"tracker '{name}' with cost '{kind}': {error}") from error
