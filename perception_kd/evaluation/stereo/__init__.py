"""Stereo: metrics with every choice explicit, and the classic to compare with."""

from perception_kd.evaluation.stereo.errors import RegionErrors, measure, region_masks
from perception_kd.evaluation.stereo.metric import StereoMetric
from perception_kd.evaluation.stereo.protocols import PROTOCOLS, Protocol, protocol_of
from perception_kd.evaluation.stereo.relative_depth import RelativeDepthMetric, relative_depth_errors

__all__ = ['PROTOCOLS', 'Protocol', 'RegionErrors', 'RelativeDepthMetric', 'StereoMetric', 'measure', 'protocol_of',
           'region_masks', 'relative_depth_errors']
