"""Astyx HiRes 2019: one camera, a 16-beam LiDAR, a 4D radar, all looking forward. Cars only.

The other classes have 71, 25 and 9 boxes for training: too few to learn, so they are left out. The frames hold no
tracks, so every velocity is unknown and the velocity branch is not trained.
"""

data_root = 'data/astyx'
info_root = '${data_root}'
train_split, val_split, test_split = 'astyx_train', 'astyx_val', 'astyx_val'
cameras, radars = None, None
lidar_sweeps, radar_sweeps = 0, 0
radar_draw = dict(sweeps=None, drop=0.0)  # in training: all sweeps, all points
lidar_radar_divisors = [1, 1, 1, 255, 0.5, 50, 5, 5, 1]  # of teachers that see both: columns of either cloud
rcs_mean, rcs_std, rcs_range = 52.4, 6.6, (45.0, 75.0)  # magnitude in dB, over the training frames

bev_frame = 'lidar'  # or 'ego'
point_cloud_range = [0.0, -25.6, -5.0, 51.2, 25.6, 5.0]
bev_cell = 0.8
depth_bound = [1.0, 57.0, 0.8]
tasks = [['car']]

final_size = (160, 512)
decode_scale = 2
depth_stride = 8
image_aug = dict(type='ImageAug', final_size='${final_size}', resize_lim=(0.48, 0.56), flip_prob=0.5, training=True)
bev_aug = dict(type='BEVAug', rot_deg=(-10, 10), scale_lim=(0.95, 1.05), flip_x_prob=0.0, flip_y_prob=0.5)
box_filter = dict(type='FilterObjects', point_cloud_range='${point_cloud_range}')
batch_size, num_workers, persistent_workers = 4, 1, False
