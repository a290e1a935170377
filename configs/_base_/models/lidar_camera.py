"""LiDAR-camera teacher at full width on the student's own grid: ResNet-50, 0.2 m pillars, channel gates. Needs a rig.

The shape of CRKD's teacher (Zhao et al., CVPR 2024: BEVFusion with gates) and not its grid: that one has 0.075 m voxels
and 180 x 180 cells, here maps lie on the student's cells, so that pairs compare cell by cell. It marks its taps itself
(``MarkedModelAdapter``).
"""

lidar_camera_norm = dict(type='BN')
lidar_camera_teacher = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    image_backbone=dict(
        type='ImageNetResNet', depth=50, weights='data/weights/resnet50-0676ba61.pth', out_indices=(0, 1, 2, 3),
        frozen_stages=0, norm_cfg=lidar_camera_norm, norm_eval=False),
    image_neck=dict(
        type='mmdet3d.SECONDFPN', in_channels=[256, 512, 1024, 2048], upsample_strides=[0.25, 0.5, 1, 2],
        out_channels=[128] * 4, norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    view_transform=dict(
        type='LiftSplatTransform', depth_bound='${depth_bound}', stride='${depth_stride}',
        depth_net=dict(type='DepthNet', in_channels=512, mid_channels=256, context_channels=80, context_convs=1,
                       depth_blocks=3, norm_cfg=lidar_camera_norm)),
    lidar_encoder=dict(
        type='LidarPillarEncoder', pillars_per_cell=4, point_channels=[64], channels=[64, 128, 128], blocks=[2, 2, 2],
        norm_cfg=lidar_camera_norm),
    fuser=dict(
        type='IntensityGuidedFuser', mode='channel_gate', out_channels=128, convs=3, norm_cfg=lidar_camera_norm),
    trunk=dict(
        type='ResNetBEVTrunk', norm_cfg=lidar_camera_norm, neck_norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=64, head_channels=64, norm_cfg=lidar_camera_norm,
        max_objs=500, score_threshold=0.1, max_num=500, max_keep=83, peak_window=1,
        suppression=dict(square_radius=[4, 12, 10, 1, 0.85, 0.175], across_classes=True)),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
