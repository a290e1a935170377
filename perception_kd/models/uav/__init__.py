"""Drone detection: YOLOv5 with CBAM and a simplified BiFPN, in one detector whose config says how large it is."""

from perception_kd.models.uav.anchor_head import AnchorYOLOHead
from perception_kd.models.uav.csp_darknet import CSPDarknetV5
from perception_kd.models.uav.detector import UAVDetector
from perception_kd.models.uav.distribution_head import DistributionHead
from perception_kd.models.uav.neck import CBiPAFPN
from perception_kd.models.uav.sliced import SlicedDetector

__all__ = ['AnchorYOLOHead', 'CBiPAFPN', 'CSPDarknetV5', 'DistributionHead', 'SlicedDetector', 'UAVDetector']
