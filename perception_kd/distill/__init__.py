"""The heart: a student, some frozen teachers, and a list of pairs.

Names are imported when they are first asked for: whoever marks taps does not wait for what trains with them
(``mmengine.model`` takes about as long to import as torch does).
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from perception_kd.distill import connectors, losses, masks, schedules
    from perception_kd.distill.batch import DistillBatch
    from perception_kd.distill.distiller import Distiller
    from perception_kd.distill.map_teacher import MapTeacher
    from perception_kd.distill.pair import Pair
    from perception_kd.distill.taps import TapRecorder, capture_modules, tap
    from perception_kd.distill.teacher import FrozenTeacher
    from perception_kd.distill.teacher_group import TeacherGroup

__all__ = [
    'DistillBatch',
    'Distiller',
    'FrozenTeacher',
    'MapTeacher',
    'Pair',
    'TapRecorder',
    'TeacherGroup',
    'capture_modules',
    'connectors',
    'losses',
    'masks',
    'schedules',
    'tap',
]

_HOME = {'DistillBatch': 'batch', 'Distiller': 'distiller', 'FrozenTeacher': 'teacher', 'MapTeacher': 'map_teacher',
         'Pair': 'pair', 'TapRecorder': 'taps', 'TeacherGroup': 'teacher_group', 'capture_modules': 'taps',
         'tap': 'taps'}  # fmt: skip


def __getattr__(name: str) -> Any:
    """PEP 562: a name of ``__all__``, imported now."""
    if name not in __all__:
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    if name not in _HOME:
        return import_module(f'{__name__}.{name}')
    return getattr(import_module(f'{__name__}.{_HOME[name]}'), name)
