"""IMKD in full on the simulated world at the size of a laptop: ``sim_crn_student`` with LiDAR and label teachers.

The teachers' checkpoints are given on the command line:
  --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth \\
      model.teachers.label.checkpoint=work_dirs/sim_label_encoder/epoch_12.pth
"""

_base_ = ['./sim_crn_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/distill/imkd_full.py']

imkd_distance = '${distances.rms}'  # summed over channels, the label term alone would be half of the loss here
model = '${distiller}'
