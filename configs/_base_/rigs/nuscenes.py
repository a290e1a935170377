"""nuScenes: six cameras at 256x704, LiDAR with nine sweeps, five radars, 102.4 m x 102.4 m at 0.8 m."""

data_root = 'data/nuscenes'
info_root = '${data_root}'
train_split, val_split, test_split = 'train', 'val', 'val'
cameras, radars = None, None  # all, or a list of channels
lidar_sweeps, radar_sweeps = 9, 5  # beside the key frame
radar_draw = dict(sweeps=5, drop=0.1)  # of six sweeps; share of points left out; in training, as CRN
rcs_mean, rcs_std, rcs_range = 4.783, 7.576, (-10.0, 40.0)  # dBsm over nuScenes, as CRN has them

bev_frame = 'lidar'  # or 'ego'
point_cloud_range = [-51.2, -51.2, -5.0, 51.2, 51.2, 3.0]  # metres, LiDAR frame
bev_cell = 0.8
depth_bound = [2.0, 58.0, 0.8]
tasks = [['car'], ['truck', 'construction_vehicle'], ['bus', 'trailer'], ['barrier'], ['motorcycle', 'bicycle'],
         ['pedestrian', 'traffic_cone']]

final_size = (256, 704)
decode_scale = 1  # 2 halves pictures while they are decoded, where final_size is half of them or less
depth_stride = 8
image_aug = dict(
    type='ImageAug', final_size='${final_size}', resize_lim=(0.386, 0.55), flip_prob=0.5, training=True)
bev_aug = dict(
    type='BEVAug', rot_deg=(-22.5, 22.5), scale_lim=(0.9, 1.1), flip_x_prob=0.5, flip_y_prob=0.5)
box_filter = dict(type='FilterObjects', point_cloud_range='${point_cloud_range}')
batch_size, num_workers, persistent_workers = 4, 4, True
