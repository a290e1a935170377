"""What nuscenes-devkit's ``DetectionConfig`` holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol


class DetectionSettings(Protocol):
    """Settings of the metrics: :class:`OfficialSettings`, or a ``DetectionConfig`` of the devkit."""

    class_range: Mapping[str, float]
    dist_fcn: str
    dist_ths: Sequence[float]
    dist_th_tp: float
    min_recall: float
    min_precision: float
    mean_ap_weight: float

    def serialize(self) -> dict[str, Any]:
        """As in ``metrics_summary.json``."""


@dataclass(frozen=True)
class OfficialSettings:
    """``detection_cvpr_2019`` of the nuScenes detection task, unless told otherwise.

    Args:
        class_range: Boxes of a class count up to this distance from the ego, m.
        dist_fcn: How far a prediction is from a true box; ``center_distance`` is the only one there is.
        dist_ths: Distances at which predictions match, m.
        dist_th_tp: The one of them at which true-positive errors are taken.
        min_recall, min_precision: Below them, curves do not count.
        max_boxes_per_sample: A result file has no more.
        mean_ap_weight: Weight of the mAP in the NDS; each of the five errors has weight 1.
    """

    class_range: Mapping[str, float] = field(default_factory=lambda: dict(
        car=50, truck=50, bus=50, trailer=50, construction_vehicle=50, pedestrian=40, motorcycle=40, bicycle=40,
        traffic_cone=30, barrier=30))
    dist_fcn: str = 'center_distance'
    dist_ths: Sequence[float] = (0.5, 1.0, 2.0, 4.0)
    dist_th_tp: float = 2.0
    min_recall: float = 0.1
    min_precision: float = 0.1
    max_boxes_per_sample: int = 500
    mean_ap_weight: float = 5

    def serialize(self) -> dict[str, Any]:
        """As in ``metrics_summary.json``."""
        return {**asdict(self), 'dist_ths': list(self.dist_ths)}
