"""The label encoder, as LabelDistill has it, for a CenterPoint whose backbone stages are at 0.8 m and 1.6 m.

Needs a rig (``../rigs``) and a LiDAR ``teacher`` (``centerpoint_pillar``, ``centerpoint_voxel``, ...).
``model = '${label_trainer}'`` trains it; the finished encoder teaches as ``teachers=dict(label='${label_teacher}')``.
"""

label_encoder = dict(
    type='LabelEncoder',
    point_cloud_range='${point_cloud_range}',
    tasks='${tasks}',
    stage_cells=[0.8, 1.6],
    stage_channels=[128, 256],
    width=256,
    raster_scale=1.0)  # 0.5 for LabelDistill's released code
label_trainer = dict(
    type='LabelEncoderTrainer',
    encoder='${label_encoder}',
    teachers=dict(lidar=dict(
        type='FrozenTeacher', model='${teacher}', adapter=dict(type='CenterPointAdapter'), checkpoint=None)))
label_teacher = dict(
    type='FrozenTeacher', model='${label_encoder}', adapter=dict(type='LabelEncoderAdapter'), checkpoint=None,
    prefix='encoder.')
