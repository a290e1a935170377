"""LiDAR-camera teachers on any nuScenes-format root: training as ``nuscenes_camera_radar``, testing with LiDAR too.

Needs a rig (``../rigs``). Radar points come along for teachers that use them.
"""

_base_ = ['./nuscenes_camera_radar.py']

modality = dict(use_camera=True, use_lidar=True, use_radar=False, use_map=False, use_external=False)

test_pipeline = [
    '${load_images}',
    '${load_radar}',
    dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}'),
    '${to_bev_frame}',
    dict(type='ImageAug', final_size='${final_size}'),
    '${filter_points}',
    dict(type='PackInputs', keys=('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar', 'points')),
]
