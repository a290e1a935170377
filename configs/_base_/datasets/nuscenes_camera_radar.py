"""Camera-radar student on any nuScenes-format root.

Reads ``point_cloud_range`` and ``depth_bound`` of the final config. Training samples carry LiDAR too: for the
teachers and for the depth targets. Testing reads cameras and radars only.
"""

data_root = 'data/nuscenes'
info_root = '${data_root}'
train_split, val_split, test_split = 'train', 'val', 'val'
classes = None  # all ten, or a list in label order
cameras, radars = None, None  # all, or a list of channels
lidar_sweeps, radar_sweeps = 9, 5  # beside the key frame
batch_size, num_workers, persistent_workers = 4, 2, True
final_size = (256, 704)
decode_scale = 1  # 2 halves pictures while they are decoded, where final_size is half of them or less
depth_stride = 8
image_aug = dict(
    type='ImageAug', final_size='${final_size}', resize_lim=(0.386, 0.55), flip_prob=0.5, training=True)
bev_aug = dict(
    type='BEVAug', rot_deg=(-22.5, 22.5), scale_lim=(0.9, 1.1), flip_x_prob=0.5, flip_y_prob=0.5)
box_filter = dict(type='FilterObjects', point_cloud_range='${point_cloud_range}')
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

train_dataloader = dict(
    batch_size='${batch_size}',
    num_workers='${num_workers}',
    persistent_workers='${persistent_workers}',
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(
        type='NuScenesRadarDataset',
        data_root='${data_root}',
        ann_file='${info_root}/nuscenes_infos_${train_split}.pkl',
        classes='${classes}',
        cameras='${cameras}',
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
        classes='${classes}',
        cameras='${cameras}',
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
