"""TJ4DRadSet: one camera at 384x640, a 4D radar, LiDAR if the release has it, 70.4 m x 76.8 m ahead.

Classes are the data set's own (Cyclist is ``bicycle`` here); its papers look 69.12 m ahead and 39.68 m to either side,
and score by overlap of boxes: figures of nuScenes' metric cannot be set beside theirs. Every frame is a scene: no
sweeps, no past frames, no velocities. A LiDAR teacher needs ``TJ4DRadSet_LiDAR``: without it, ``LIDAR_TOP`` holds the
radar's points, which are then the depth targets too.
Untested on the real data.
"""

_base_ = ['./vod.py']

data_root = 'data/tj4d'
train_split, val_split, test_split = 'tj4d_train', 'tj4d_val', 'tj4d_val'
radar_sweeps = 0
rcs_mean, rcs_std, rcs_range = 15.0, 5.0, (0.0, 40.0)  # signal to noise in dB; plain scales, not measured on the data

point_cloud_range = [0.0, -38.4, -4.0, 70.4, 38.4, 2.0]
depth_bound = [1.0, 81.0, 0.8]
tasks = [['car'], ['pedestrian'], ['bicycle'], ['truck']]

image_aug = dict(resize_lim=(0.5, 0.58))  # of pictures of 960x1280
