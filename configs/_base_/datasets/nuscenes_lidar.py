"""LiDAR (and LiDAR-radar) teachers on any nuScenes-format root. Needs a rig (``../rigs``).

Radar points come along for teachers that use them.
"""

modality = dict(use_camera=False, use_lidar=True, use_radar=False, use_map=False, use_external=False)

load_points = [
    dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}'),
    dict(type='LoadRadarSweeps', sweeps_num='${radar_sweeps}', filter_preset='crn'),
]
pack = [
    dict(type='FilterPoints', point_cloud_range='${point_cloud_range}'),
    dict(type='PackInputs', keys=('points', 'radar', 'lidar_aug_matrix')),
]
train_pipeline = [*load_points, dict(type='LoadBoxes3D'), '${bev_aug}', '${box_filter}', *pack]
test_pipeline = [*load_points, *pack]

train_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}',
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='NuScenesRadarDataset',
        data_root='${data_root}',
        ann_file='${info_root}/nuscenes_infos_${train_split}.pkl',
        classes='${tasks}',
        cameras=[],
        radars='${radars}',
        pipeline='${train_pipeline}'))
val_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}',
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='NuScenesRadarDataset',
        data_root='${data_root}',
        ann_file='${info_root}/nuscenes_infos_${val_split}.pkl',
        classes='${tasks}',
        cameras=[],
        radars='${radars}',
        pipeline='${test_pipeline}',
        test_mode=True))
test_dataloader = {**val_dataloader, 'dataset': {
    **val_dataloader['dataset'], 'ann_file': '${info_root}/nuscenes_infos_${test_split}.pkl'}}

val_evaluator = dict(
    type='NuScenesDetMetric',
    data_root='${data_root}',
    ann_file='${info_root}/nuscenes_infos_${val_split}.pkl',
    modality='${modality}')
test_evaluator = {**val_evaluator, 'ann_file': '${info_root}/nuscenes_infos_${test_split}.pkl'}
