"""Monocular nets that give a matcher a prior, and their training."""

from perception_kd.models.stereo.mono.depth_anything import DepthAnythingV2
from perception_kd.models.stereo.mono.estimator import MonoEstimator
from perception_kd.models.stereo.mono.loss import ScaleShiftLoss
from perception_kd.models.stereo.mono.prior import FrozenPrior
from perception_kd.models.stereo.mono.small_net import SmallMonoNet

__all__ = ['DepthAnythingV2', 'FrozenPrior', 'MonoEstimator', 'ScaleShiftLoss', 'SmallMonoNet']
