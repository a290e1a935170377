"""Camera-radar student on any nuScenes-format root. Needs a rig (``../rigs``): the names that it refers to.

Training samples carry LiDAR too: for the teachers and for the depth targets. Testing reads cameras and radars
only.
"""

_base_ = ['./loaders.py']

modality = dict(use_camera=True, use_lidar=False, use_radar=True, use_map=False, use_external=False)

load_sensors = [
    dict(type='LoadMultiViewImages', decode_scale='${decode_scale}'),
    dict(type='LoadRadarSweeps', sweeps_num='${radar_sweeps}', filter_preset='crn'),
]
filter_points = dict(type='FilterPoints', point_cloud_range='${point_cloud_range}')
student_inputs = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar')
train_pipeline = [
    *load_sensors,
    dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}'),
    dict(type='LoadBoxes3D'),
    '${image_aug}',
    dict(type='LidarDepthTarget', stride='${depth_stride}', depth_range='${depth_bound}'),
    '${bev_aug}',
    '${box_filter}',
    filter_points,
    dict(type='PackInputs', keys=(*student_inputs, 'points', 'depth_target')),
]
test_pipeline = [
    *load_sensors,
    dict(type='ImageAug', final_size='${final_size}'),
    filter_points,
    dict(type='PackInputs', keys=student_inputs),
]
