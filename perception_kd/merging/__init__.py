"""Merging of students fine-tuned from one beginning: task vectors, their weights learnt by distillation."""

from perception_kd.merging.batch_norm import reestimate
from perception_kd.merging.coefficients import Coefficients
from perception_kd.merging.samerging import SAMerging
from perception_kd.merging.task_vectors import TaskVectors

__all__ = ['Coefficients', 'SAMerging', 'TaskVectors', 'reestimate']
