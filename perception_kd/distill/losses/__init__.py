"""Distillation losses. All run in float32 and give one scalar, normalised as their docstrings say."""

from perception_kd.distill.losses.adversarial import Adversarial
from perception_kd.distill.losses.angular import AngularViews
from perception_kd.distill.losses.attention_transfer import AT
from perception_kd.distill.losses.base import DistillLoss, build_loss, no_mask, no_scale, normaliser
from perception_kd.distill.losses.channel_wise import CWD
from perception_kd.distill.losses.confident_response import ConfidentResponse
from perception_kd.distill.losses.contrast import InfoNCE
from perception_kd.distill.losses.edge_distributions import EdgeDistributions
from perception_kd.distill.losses.feature import BCE, L1, MSE, normalised, rms_normalised
from perception_kd.distill.losses.focal_global import FGD
from perception_kd.distill.losses.frequency import FrequencyMSE
from perception_kd.distill.losses.gated_response import GatedResponse
from perception_kd.distill.losses.gaussian_response import GaussianMaskedResponse
from perception_kd.distill.losses.gram import GramRelation
from perception_kd.distill.losses.localization import LocalizationDistill
from perception_kd.distill.losses.logits import DKD, HintonKD, decoupled_divergences
from perception_kd.distill.losses.masked_generation import MGD
from perception_kd.distill.losses.nine_points import NinePointFeature, NinePointRelation
from perception_kd.distill.losses.pearson import DIST, PKD
from perception_kd.distill.losses.relations import SP, RKDAngle, RKDDistance
from perception_kd.distill.losses.released_response import GaussianFocalResponse
from perception_kd.distill.losses.response import CenterHeadResponse, quality_focal

__all__ = [
    'AT',
    'BCE',
    'CWD',
    'DIST',
    'DKD',
    'FGD',
    'L1',
    'MGD',
    'MSE',
    'PKD',
    'SP',
    'Adversarial',
    'AngularViews',
    'CenterHeadResponse',
    'ConfidentResponse',
    'DistillLoss',
    'EdgeDistributions',
    'FrequencyMSE',
    'GatedResponse',
    'GaussianFocalResponse',
    'GaussianMaskedResponse',
    'GramRelation',
    'HintonKD',
    'InfoNCE',
    'LocalizationDistill',
    'NinePointFeature',
    'NinePointRelation',
    'RKDAngle',
    'RKDDistance',
    'build_loss',
    'decoupled_divergences',
    'no_mask',
    'no_scale',
    'normalised',
    'normaliser',
    'quality_focal',
    'rms_normalised',
]
