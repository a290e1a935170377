"""Stereo: teacher and student are one class, their configs differ."""

from perception_kd.models.stereo import mono
from perception_kd.models.stereo.context_net import ContextHeads, ContextMaps, ContextNet
from perception_kd.models.stereo.cost_filter import CostFilter
from perception_kd.models.stereo.edgenext import EdgeNeXt
from perception_kd.models.stereo.feature_net import StereoFeatureNet
from perception_kd.models.stereo.hybrid_volume import HybridCostVolume
from perception_kd.models.stereo.loss import StereoSequenceLoss
from perception_kd.models.stereo.mobile_backbone import MobileBackbone
from perception_kd.models.stereo.preprocessor import StereoPreprocessor
from perception_kd.models.stereo.refine import ConvexUpsampler, SelectiveRefiner
from perception_kd.models.stereo.stereo_matcher import StereoMatcher

__all__ = ['ContextHeads', 'ContextMaps', 'ContextNet', 'ConvexUpsampler', 'CostFilter', 'EdgeNeXt',
           'HybridCostVolume', 'MobileBackbone', 'SelectiveRefiner', 'StereoFeatureNet', 'StereoMatcher',
           'StereoPreprocessor', 'StereoSequenceLoss', 'mono']
