"""What a frozen teacher said, kept on disk, so that it need not say it again in every epoch."""

from perception_kd.distill.teacher_cache.plan import SizePlan
from perception_kd.distill.teacher_cache.teacher import CachedTeacher

__all__ = ['CachedTeacher', 'SizePlan']
