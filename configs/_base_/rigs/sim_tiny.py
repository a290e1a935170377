"""The simulated world at the size of a laptop: six cameras at 128x352, 51.2 m x 51.2 m at 0.8 m, ten classes."""

data_root = 'data/sim'
info_root = '${data_root}'
train_split, val_split, test_split = 'sim_train', 'sim_val', 'sim_val'
cameras, radars = None, None
lidar_sweeps, radar_sweeps = 1, 2
radar_draw = dict(sweeps=None, drop=0.0)  # in training: all sweeps, all points
rcs_mean, rcs_std, rcs_range = 4.783, 7.576, (-10.0, 40.0)  # dBsm, as nuScenes

bev_frame = 'lidar'  # or 'ego'
point_cloud_range = [-25.6, -25.6, -5.0, 25.6, 25.6, 3.0]
bev_cell = 0.8
depth_bound = [1.0, 37.0, 0.8]
tasks = [['car', 'truck', 'trailer', 'bus', 'construction_vehicle', 'bicycle', 'motorcycle', 'pedestrian',
          'traffic_cone', 'barrier']]

final_size = (128, 352)
decode_scale = 2
depth_stride = 8
image_aug = dict(type='ImageAug', final_size='${final_size}', resize_lim=(0.47, 0.58), flip_prob=0.5, training=True)
bev_aug = dict(type='BEVAug', rot_deg=(-22.5, 22.5), scale_lim=(0.95, 1.05), flip_x_prob=0.5, flip_y_prob=0.5)
box_filter = dict(type='FilterObjects', point_cloud_range='${point_cloud_range}')
batch_size, num_workers, persistent_workers = 2, 1, False
