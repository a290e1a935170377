"""Hooks of distillation runs."""

from perception_kd.engine.hooks.kd_log import KDLogHook
from perception_kd.engine.hooks.nan_guard import NaNGuardHook
from perception_kd.engine.hooks.progress import DistillProgressHook

__all__ = ['DistillProgressHook', 'KDLogHook', 'NaNGuardHook']
