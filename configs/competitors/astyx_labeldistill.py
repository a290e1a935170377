"""LabelDistill over the student on real sensors (Astyx).

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo_real/teacher_lidar_radar/last.pth \
      model.teachers.label.checkpoint=work_dirs/astyx_label_encoder/epoch_12.pth

Features are divided by their RMS, as in ``sim_imkd``: summed over channels they would be most of the loss.
"""

_base_ = ['../demo/astyx_student.py', '../_base_/models/lidar_radar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/methods/labeldistill.py']

labeldistill_distance = '${labeldistill_distances.rms}'  # published: sum
model = '${distiller}'
