"""The demo's student with cameras alone: what the radar adds is the difference to sim_student."""

_base_ = ['./sim_student.py']

student = dict(radar_encoder=None)
modality = dict(use_radar=False)
