"""Hooks of distillation runs."""

from perception_kd.engine.hooks.annotation_log import AnnotationLogHook
from perception_kd.engine.hooks.environment import EnvironmentHook
from perception_kd.engine.hooks.gradient_probe import GradientProbeHook
from perception_kd.engine.hooks.kd_log import KDLogHook
from perception_kd.engine.hooks.nan_guard import NaNGuardHook
from perception_kd.engine.hooks.progress import DistillProgressHook
from perception_kd.engine.hooks.stop_signal import StopSignalHook
from perception_kd.engine.hooks.student_ema import StudentEMAHook
from perception_kd.engine.hooks.teacher_cache import TeacherCacheHook
from perception_kd.engine.hooks.teacher_check import TeacherCheckHook
from perception_kd.engine.hooks.visualize import VisualizeHook

__all__ = ['AnnotationLogHook', 'DistillProgressHook', 'EnvironmentHook', 'GradientProbeHook', 'KDLogHook',
           'NaNGuardHook', 'StopSignalHook', 'StudentEMAHook', 'TeacherCacheHook', 'TeacherCheckHook', 'VisualizeHook']
