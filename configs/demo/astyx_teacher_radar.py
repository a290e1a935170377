"""A teacher on real sensors (Astyx) that sees LiDAR and radar points."""

_base_ = ['./astyx_teacher.py']

teacher = dict(append_radar=True, divisors=[1, 1, 1, 255, 0.5, 50, 5, 5, 1])
modality = dict(use_radar=True)
