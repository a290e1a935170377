"""Student-only checkpoints."""

from perception_kd.export.student import export_student, student_weights, without_teachers

__all__ = ['export_student', 'student_weights', 'without_teachers']
