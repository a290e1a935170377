"""Voxel CenterPoint for two CPU cores: 0.2 m voxels, a narrow encoder with two halvings, one task.

Needs a rig (``../rigs``). Its ``bev_s8`` map lies on the 0.8 m grid of the tiny student.
"""

teacher_norm = dict(type='BN', eps=1e-3, momentum=0.1)
teacher = dict(
    type='VoxelCenterPoint',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    voxel_size=[0.2, 0.2, 0.4],
    divisors=[1, 1, 1, 255, 0.5],
    max_points=10,
    max_voxels=(20000, 20000),
    base_channels=8,
    encoder_channels=((8, 8, 16), (16, 16, 32), (32, 32)),
    encoder_paddings=((0, 0, 1), (0, 0, (0, 1, 1)), (0, 0)),
    encoder_out=32,
    stage_channels=[48, 64],
    stage_layers=[2, 3],
    stage_strides=[1, 2],
    neck_channels=48,
    norm_cfg=teacher_norm,
    head=dict(shared_channels=48, head_channels=32))
