"""LiDAR teacher for two CPU cores: CenterPoint with 0.4 m pillars, a narrow backbone, one task.

Needs a rig (``../rigs``). Its ``bev_s8`` map lies on the 0.8 m grid of the tiny student.
"""

teacher_norm = dict(type='BN', eps=1e-3, momentum=0.1)
teacher = dict(
    type='PillarCenterPoint',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    pillar=0.4,
    max_points=20,
    divisors=[1, 1, 1, 255, 0.5],
    pillar_channels=32,
    stage_channels=[48, 64],
    stage_layers=[2, 3],
    stage_strides=[2, 2],
    neck_channels=48,
    norm_cfg=teacher_norm,
    head=dict(shared_channels=48, head_channels=32))
