"""CenterPoint with 0.1 m voxels as OpenMMLab's ``centerpoint_voxel01_second_secfpn``. Needs a rig (``../rigs``).

Its 0.8 m map, ``bev_s8``, is the first output of the backbone, ``bev_s16`` the second; the head has the grid of
``bev_s8``. Intensities are raw, as the public checkpoint wants them.
"""

_base_ = ['./centerpoint_head.py']

teacher_norm = dict(type='BN', eps=1e-3, momentum=0.01)
teacher = dict(
    type='VoxelCenterPoint',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    voxel_size=[0.1, 0.1, 0.2],
    max_points=10,
    max_voxels=(90000, 120000),
    stage_channels=[128, 256],
    stage_layers=[5, 5],
    stage_strides=[1, 2],
    neck_channels=256,
    norm_cfg=teacher_norm,
    head='${centerpoint_head}')
