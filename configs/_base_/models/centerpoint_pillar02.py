"""CenterPoint with 0.2 m pillars as OpenMMLab's ``centerpoint_pillar02_second_secfpn``. Needs a rig (``../rigs``).

Its 0.8 m map, ``bev_s8``, is the second output of the backbone; neck and head have its grid. Intensities are raw, and
half-empty pillars are padded, as the public checkpoint wants them.
"""

_base_ = ['./centerpoint_head.py']

teacher_norm = dict(type='BN', eps=1e-3, momentum=0.01)
teacher = dict(
    type='PillarCenterPoint',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    pillar=0.2,
    max_points=20,
    max_voxels=(30000, 40000),
    pillar_channels=64,
    compact=False,
    stage_channels=[64, 128, 256],
    stage_layers=[3, 5, 5],
    stage_strides=[2, 2, 2],
    neck_channels=128,
    neck_stage=1,
    norm_cfg=teacher_norm,
    head='${centerpoint_head}')
