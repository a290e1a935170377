"""Camera-radar student on any nuScenes-format root. Needs a rig (``../rigs``): the names that it refers to.

Training samples carry LiDAR too: for the teachers and for the depth targets. Testing reads cameras and radars
only.
"""

_base_ = ['./loaders.py']

modality = dict(use_camera=True, use_lidar=False, use_radar=True, use_map=False, use_external=False)

past_frames = ()  # how many key frames back; (2, 4, 6) are 1, 2 and 3 s at nuScenes' rate
cut_radar = None  # see FilterPoints; False where a network keeps frames to see them again as past ones
load_images = dict(type='LoadMultiViewImages', decode_scale='${decode_scale}', backend_args='${backend_args}')
load_radar = dict(
    type='LoadRadarSweeps', sweeps_num='${radar_sweeps}', filter_preset='crn', backend_args='${backend_args}')
load_drawn = [load_images, dict(**load_radar, draw_sweeps='${radar_draw.sweeps}', drop_points='${radar_draw.drop}')]
load_all = [load_images, load_radar]
to_bev_frame = dict(type='ToBEVFrame', frame='${bev_frame}')
filter_points = dict(type='FilterPoints', point_cloud_range='${point_cloud_range}', radar='${cut_radar}')
student_inputs = ('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar', 'past')
train_pipeline = [
    *load_drawn,
    dict(type='LoadPastFrames', transforms=load_drawn),
    dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}'),
    dict(type='LoadBoxes3D'),
    to_bev_frame,
    '${image_aug}',
    dict(type='LidarDepthTarget', stride='${depth_stride}', depth_range='${depth_bound}'),
    '${bev_aug}',
    '${box_filter}',
    filter_points,
    dict(type='PackInputs', keys=(*student_inputs, 'points', 'depth_target')),
]
test_pipeline = [
    *load_all,
    dict(type='LoadPastFrames', transforms=load_all),
    to_bev_frame,
    dict(type='ImageAug', final_size='${final_size}'),
    filter_points,
    dict(type='PackInputs', keys=student_inputs),
]
train_dataloader = dict(dataset=dict(past_frames='${past_frames}'))
val_dataloader = dict(dataset=dict(past_frames='${past_frames}'))
test_dataloader = dict(dataset=dict(past_frames='${past_frames}'))
