"""The tiny LiDAR teacher with Astyx's radar points in its cloud: where the LiDAR is the weaker sensor. Needs a rig."""

_base_ = ['./centerpoint_pillar_tiny.py']

teacher = dict(append_radar=True, divisors=[1, 1, 1, 255, 0.5, 50, 5, 5, 1])
