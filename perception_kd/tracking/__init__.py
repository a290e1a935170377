"""Tracking by detection: boxes of one frame after another become tracks."""

from perception_kd.tracking.build import build_tracker
from perception_kd.tracking.byte import ByteTracker
from perception_kd.tracking.costs import NWD, BufferedIoU, CentreDistance, IoU

__all__ = ['NWD', 'BufferedIoU', 'ByteTracker', 'CentreDistance', 'IoU', 'build_tracker']
