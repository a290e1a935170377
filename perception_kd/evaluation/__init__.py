"""Official metrics."""

from perception_kd.evaluation.nuscenes_metric import NuScenesDetMetric

__all__ = ['NuScenesDetMetric']
