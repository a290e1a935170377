"""All parts of this room that a config may name; the registries import it at their first lookup."""

from perception_kd.distill import (
    connectors,
    distiller,
    losses,
    map_teacher,
    masks,
    pair,
    schedules,
    teacher,
    teacher_group,
)

__all__ = ['connectors', 'distiller', 'losses', 'map_teacher', 'masks', 'pair', 'schedules', 'teacher',
           'teacher_group']  # fmt: skip
