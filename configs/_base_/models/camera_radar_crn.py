"""CRN's camera-radar student (Kim et al., ICCV 2023) with intensity-gated fusion: ResNet-50 at 256x704. Needs a rig.

Radar works in the cameras' frustum and helps to lift their features; four key frames are merged. Other backbones:
``student.image_backbone.depth`` with the widths of their levels in ``student.image_neck.in_channels``.
"""

student_norm = dict(type='BN')
student = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    data_preprocessor=dict(type='CameraRadarPreprocessor'),
    image_backbone=dict(
        type='ImageNetResNet', depth=50, weights='data/weights/resnet50-0676ba61.pth', out_indices=(0, 1, 2, 3),
        frozen_stages=0, norm_cfg=student_norm, norm_eval=False),
    image_neck=dict(
        type='mmdet3d.SECONDFPN', in_channels=[256, 512, 1024, 2048], upsample_strides=[0.25, 0.5, 1, 2],
        out_channels=[128] * 4, norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    radar_encoder=dict(
        type='RadarFrustumEncoder', rcs_mean='${rcs_mean}', rcs_std='${rcs_std}', rcs_range='${rcs_range}',
        norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    view_transform=dict(
        type='RadarAssistedTransform', depth_bound='${depth_bound}', stride='${depth_stride}', norm_cfg=student_norm,
        depth_net=dict(type='DepthNet', in_channels=512, mid_channels=256, context_channels=80, context_convs=1,
                       depth_blocks=3, norm_cfg=student_norm)),
    fuser=dict(type='IntensityGuidedFuser', mode='gated_mfa', out_channels=128, convs=3, norm_cfg=student_norm),
    temporal=dict(type='TemporalFuser', frames=4, norm_cfg=student_norm),
    trunk=dict(
        type='ResNetBEVTrunk', norm_cfg=student_norm, neck_norm_cfg=dict(type='BN', eps=1e-3, momentum=0.01)),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=64, head_channels=64, norm_cfg=student_norm,
        max_objs=500, code_weights=[1.0] * 10, score_threshold=0.01, max_num=500, max_keep=200, peak_window=1,
        # mmdet3d's rule, which CRN uses: squared metres, one number a task
        suppression=dict(square_radius=[4, 12, 10, 1, 0.85, 0.175], across_classes=True)),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
