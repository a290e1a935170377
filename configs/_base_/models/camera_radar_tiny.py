"""Camera-radar student for two CPU cores: quarter-width ResNet-18 at stride 8, pillars, gated fusion.

Needs a rig (``../rigs``): range, cell, depth bins and tasks are the rig's.
"""

student_norm = dict(type='BN', momentum=0.1)
student = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    channels_last=True,
    data_preprocessor=dict(type='CameraRadarPreprocessor'),
    image_backbone=dict(
        type='mmdet.ResNet', depth=18, base_channels=16, out_indices=(1, 2, 3), frozen_stages=-1,
        norm_cfg=student_norm, norm_eval=False),
    image_neck=dict(
        type='ConcatNeck', in_channels=[32, 64, 128], level_channels=32, out_channels=64, norm_cfg=student_norm),
    view_transform=dict(
        type='LiftSplatTransform', depth_bound='${depth_bound}', stride=8,
        depth_net=dict(type='DepthNet', in_channels=64, mid_channels=48, context_channels=32,
                       norm_cfg=student_norm)),
    radar_encoder=dict(
        type='RadarPillarEncoder', rcs_mean='${rcs_mean}', rcs_std='${rcs_std}', rcs_range='${rcs_range}',
        point_channels=32, out_channels=32, blocks=1, norm_cfg=student_norm),
    fuser=dict(type='IntensityGuidedFuser', mode='gated_conv', out_channels=48, norm_cfg=student_norm),
    trunk=dict(
        type='BEVTrunk', channels=[48, 64, 96], blocks=[1, 1, 1], up_channels=32, norm_cfg=student_norm),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=48, head_channels=32, norm_cfg=student_norm),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
