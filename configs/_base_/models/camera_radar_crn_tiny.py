"""CRN's camera-radar student at the size of two CPU cores: every part of the full one, narrow. Needs a rig.

Quarter-width ResNet-18 at stride 8, radar in the frustum, radar-assisted lifting, gated attention, key frames merged.
"""

student_norm = dict(type='BN', momentum=0.1)
student = dict(
    type='CameraRadarDetector',
    point_cloud_range='${point_cloud_range}',
    cell='${bev_cell}',
    channels_last=True,
    data_preprocessor=dict(type='CameraRadarPreprocessor'),
    image_backbone=dict(
        type='ImageNetResNet', depth=18, weights=None, base_channels=16, out_indices=(0, 1, 2, 3), frozen_stages=-1,
        norm_cfg=student_norm, norm_eval=False),
    image_neck=dict(
        type='mmdet3d.SECONDFPN', in_channels=[16, 32, 64, 128], upsample_strides=[0.5, 1, 2, 4],
        out_channels=[16] * 4, norm_cfg=student_norm),
    radar_encoder=dict(
        type='RadarFrustumEncoder', rcs_mean='${rcs_mean}', rcs_std='${rcs_std}', rcs_range='${rcs_range}',
        point_channels=(16, 16), channels=(16, 24, 32), layers=(1, 1, 1), up_channels=16, out_channels=32,
        norm_cfg=student_norm),
    view_transform=dict(
        type='RadarAssistedTransform', depth_bound='${depth_bound}', stride='${depth_stride}', radar_channels=32,
        norm_cfg=student_norm,
        depth_net=dict(type='DepthNet', in_channels=64, mid_channels=48, context_channels=32, norm_cfg=student_norm)),
    fuser=dict(
        type='IntensityGuidedFuser', mode='gated_mfa', out_channels=48, attention=dict(layers=2, hidden=96),
        norm_cfg=student_norm),
    temporal=dict(type='TemporalFuser', frames=3, norm_cfg=student_norm),
    trunk=dict(type='ResNetBEVTrunk', base_channels=32, up_channels=32, norm_cfg=student_norm),
    head=dict(
        type='BEVCenterHead', tasks='${tasks}', shared_channels=48, head_channels=32, norm_cfg=student_norm),
    depth_loss=dict(type='DepthLoss', kind='bce', loss_weight=3.0))
