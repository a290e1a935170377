"""Drones in pictures: COCO's average precision for tiny targets, and how detectors do at the threshold they run at."""

from perception_kd.evaluation.uav.metric import UAVMetric
from perception_kd.evaluation.uav.rules import AREA_RANGES, SIDES, UAVRules
from perception_kd.evaluation.uav.score import UAVScores, score
from perception_kd.evaluation.uav.truth import Truth, read_truth

__all__ = ['AREA_RANGES', 'SIDES', 'Truth', 'UAVMetric', 'UAVRules', 'UAVScores', 'read_truth', 'score']
