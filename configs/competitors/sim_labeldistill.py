"""LabelDistill over the demo's student on the simulated world.

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth \
      model.teachers.label.checkpoint=work_dirs/sim_label_encoder/epoch_12.pth

Features are divided by their RMS, as in ``sim_imkd``: summed over channels they would be most of the loss.
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/methods/labeldistill.py']

labeldistill_distance = '${labeldistill_distances.rms}'  # published: sum
model = '${distiller}'
