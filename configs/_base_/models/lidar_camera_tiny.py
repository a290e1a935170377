"""LiDAR-camera teacher for two CPU cores: the tiny student's camera branch beside 0.4 m LiDAR pillars, channel gates.

Needs a rig (``../rigs``). Its maps lie on the student's own grid. It marks its taps itself (``MarkedModelAdapter``).
"""

lidar_camera_norm = dict(type='BN', momentum=0.1)
lidar_camera_teacher = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    channels_last=True,
    image_backbone=dict(
        type='mmdet.ResNet', depth=18, base_channels=16, out_indices=(1, 2, 3), frozen_stages=-1,
        norm_cfg=lidar_camera_norm, norm_eval=False),
    image_neck=dict(
        type='ConcatNeck', in_channels=[32, 64, 128], level_channels=32, out_channels=64, norm_cfg=lidar_camera_norm),
    view_transform=dict(
        type='LiftSplatTransform', depth_bound='${depth_bound}', stride=8,
        depth_net=dict(type='DepthNet', in_channels=64, mid_channels=48, context_channels=32,
                       norm_cfg=lidar_camera_norm)),
    lidar_encoder=dict(
        type='LidarPillarEncoder', pillars_per_cell=2, point_channels=[32], channels=[48, 48], blocks=[2, 1],
        norm_cfg=lidar_camera_norm),
    fuser=dict(type='IntensityGuidedFuser', mode='channel_gate', out_channels=48, norm_cfg=lidar_camera_norm),
    trunk=dict(
        type='BEVTrunk', channels=[48, 64, 96], blocks=[1, 1, 1], up_channels=32, norm_cfg=lidar_camera_norm),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=48, head_channels=32, norm_cfg=lidar_camera_norm),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
