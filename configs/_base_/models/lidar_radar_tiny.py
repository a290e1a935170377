"""The tiny LiDAR teacher with radar points in its cloud, where the LiDAR is the weaker sensor.

Needs a rig with ``lidar_radar_divisors``.
"""

_base_ = ['./centerpoint_pillar_tiny.py']

teacher = dict(append_radar=True, divisors='${lidar_radar_divisors}')
