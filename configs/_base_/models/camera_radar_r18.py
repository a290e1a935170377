"""Camera-radar student at full width: ResNet-18, pillars, gated fusion, ResNet-style trunk. Needs a rig."""

student_norm = dict(type='BN')
student = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    data_preprocessor=dict(type='CameraRadarPreprocessor'),
    image_backbone=dict(
        type='mmdet.ResNet', depth=18, out_indices=(1, 2, 3), frozen_stages=-1, norm_cfg=student_norm,
        norm_eval=False),
    image_neck=dict(
        type='ConcatNeck', in_channels=[128, 256, 512], level_channels=128, out_channels=256,
        norm_cfg=student_norm),
    view_transform=dict(
        type='LiftSplatTransform', depth_bound='${depth_bound}', stride=8,
        depth_net=dict(type='DepthNet', in_channels=256, mid_channels=256, context_channels=80,
                       norm_cfg=student_norm)),
    radar_encoder=dict(
        type='RadarPillarEncoder', rcs_mean='${rcs_mean}', rcs_std='${rcs_std}', rcs_range='${rcs_range}',
        point_channels=64, out_channels=80, blocks=2, norm_cfg=student_norm),
    fuser=dict(type='IntensityGuidedFuser', mode='gated_conv', out_channels=128, norm_cfg=student_norm),
    trunk=dict(
        type='BEVTrunk', channels=[128, 256, 512], blocks=[2, 2, 2], up_channels=64, norm_cfg=student_norm),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=64, head_channels=64, norm_cfg=student_norm),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
