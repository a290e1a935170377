"""Tells cached teachers how large the data is, and the log what their caches were good for."""

from __future__ import annotations

from typing import Any

from mmengine.hooks import Hook
from mmengine.runner import Runner

from perception_kd.datasets.nuscenes.labelled import count_distinct
from perception_kd.distill.teacher_cache import CachedTeacher
from perception_kd.engine.hooks.progress import unwrapped
from perception_kd.registry import HOOKS


@HOOKS.register_module()
class TeacherCacheHook(Hook):
    """Gives cached teachers what their size plan needs, and logs hits and misses of this process."""

    priority = 'LOWEST'  # after TeacherCheckHook, which runs the networks

    def before_train(self, runner: Runner) -> None:
        """The number of samples: the first entry is preceded by a size plan, which can stop the run."""
        for teacher in cached_teachers(unwrapped(runner)).values():
            teacher.expect(count_distinct(runner.train_dataloader.dataset))
            teacher.release()

    def after_train_epoch(self, runner: Runner) -> None:
        """One line a teacher."""
        for teacher in cached_teachers(unwrapped(runner)).values():
            if teacher.counts:
                runner.logger.info(teacher.summary())

    after_train = after_train_epoch


def cached_teachers(model: Any) -> dict[str, CachedTeacher]:
    """The cached teachers of a model by name; none of one without teachers."""
    teachers = getattr(model, 'teachers', None)
    found = teachers.items() if teachers is not None else ()
    return {name: teacher for name, teacher in found if isinstance(teacher, CachedTeacher)}
