"""The label encoder for the tiny LiDAR teachers, whose backbone stages have 48 and 64 channels. Needs a rig."""

_base_ = ['./label_encoder.py']

label_encoder = dict(stage_channels=[48, 64], width=64)
