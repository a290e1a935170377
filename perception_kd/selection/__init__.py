"""Choosing a teacher for a student without training the student (GRACE). Untested for vision by its authors."""

from perception_kd.selection.projection import SignProjection
from perception_kd.selection.score import GraceScore, grace

__all__ = ['GraceScore', 'SignProjection', 'grace']
