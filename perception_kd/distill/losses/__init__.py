"""Distillation losses. All run in float32 and give one scalar, normalised as their docstrings say."""

from perception_kd.distill.losses.base import DistillLoss, build_loss, no_mask, no_scale, normaliser
from perception_kd.distill.losses.contrast import InfoNCE
from perception_kd.distill.losses.feature import BCE, L1, MSE, normalised, rms_normalised
from perception_kd.distill.losses.gaussian_response import GaussianMaskedResponse
from perception_kd.distill.losses.localization import LocalizationDistill
from perception_kd.distill.losses.logits import DKD, HintonKD, decoupled_divergences
from perception_kd.distill.losses.nine_points import NinePointFeature, NinePointRelation
from perception_kd.distill.losses.released_response import GaussianFocalResponse
from perception_kd.distill.losses.response import CenterHeadResponse, quality_focal

__all__ = [
    'BCE',
    'DKD',
    'L1',
    'MSE',
    'CenterHeadResponse',
    'DistillLoss',
    'GaussianFocalResponse',
    'GaussianMaskedResponse',
    'HintonKD',
    'InfoNCE',
    'LocalizationDistill',
    'NinePointFeature',
    'NinePointRelation',
    'build_loss',
    'decoupled_divergences',
    'no_mask',
    'no_scale',
    'normalised',
    'normaliser',
    'quality_focal',
    'rms_normalised',
]
