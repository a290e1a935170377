"""Distillation losses. All run in float32 and give one scalar, normalised as their docstrings say."""

from perception_kd.distill.losses.base import DistillLoss, build_loss, normaliser
from perception_kd.distill.losses.feature import L1, MSE, rms_normalised
from perception_kd.distill.losses.response import CenterHeadResponse, quality_focal

__all__ = [
    'L1',
    'MSE',
    'CenterHeadResponse',
    'DistillLoss',
    'build_loss',
    'normaliser',
    'quality_focal',
    'rms_normalised',
]
