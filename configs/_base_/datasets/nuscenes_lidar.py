"""LiDAR (and LiDAR-radar) teachers on any nuScenes-format root. Needs a rig (``../rigs``).

Radar points come along for teachers that use them.
"""

_base_ = ['./loaders.py']

modality = dict(use_camera=False, use_lidar=True, use_radar=False, use_map=False, use_external=False)

load_points = [
    dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}'),
    dict(type='LoadRadarSweeps', sweeps_num='${radar_sweeps}', filter_preset='crn', backend_args='${backend_args}'),
]
to_bev_frame = dict(type='ToBEVFrame', frame='${bev_frame}')
pack = [
    dict(type='FilterPoints', point_cloud_range='${point_cloud_range}'),
    dict(type='PackInputs', keys=('points', 'radar', 'lidar_aug_matrix')),
]
train_pipeline = [*load_points, dict(type='LoadBoxes3D'), to_bev_frame, '${bev_aug}', '${box_filter}', *pack]
test_pipeline = [*load_points, to_bev_frame, *pack]
train_dataloader = dict(dataset=dict(cameras=[]))
val_dataloader = dict(dataset=dict(cameras=[]))
test_dataloader = dict(dataset=dict(cameras=[]))
