"""IMKD in full (docs/imkd.md) over the student on real sensors (Astyx), for comparisons with the other methods of
this folder.

Features are divided by their RMS: summed over channels, the label term alone would be half of the loss on this student.
"""

_base_ = ['../demo/astyx_student.py', '../_base_/models/lidar_radar_tiny.py', '../_base_/models/label_encoder_tiny.py',
          '../_base_/distill/imkd_full.py']

imkd_distance = '${distances.rms}'
model = '${distiller}'
