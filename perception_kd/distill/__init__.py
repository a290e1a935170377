"""The heart: a student, some frozen teachers, and a list of pairs."""

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
