"""What is deployed: student-only checkpoints, and ONNX graphs (``onnx_export``, which needs ONNX' packages)."""

from perception_kd.export.student import export_student, student_weights, without_teachers

__all__ = ['export_student', 'student_weights', 'without_teachers']
