"""CenterPoint with 0.4 m pillars at full width. Needs a rig (``../rigs``).

Its 0.8 m map, ``bev_s8``, is the first output of the backbone; the head has the same grid.
"""

teacher_norm = dict(type='BN', eps=1e-3, momentum=0.01)
teacher = dict(
    type='PillarCenterPoint',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    pillar=0.4,
    max_points=20,
    divisors=[1, 1, 1, 255, 0.5],
    pillar_channels=64,
    stage_channels=[128, 256],
    stage_layers=[5, 5],
    stage_strides=[2, 2],
    neck_channels=128,
    norm_cfg=teacher_norm,
    head=dict(shared_channels=64, head_channels=64))
