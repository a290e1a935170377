"""View-of-Delft: one camera at 384x640, a 64-beam LiDAR, a 3+1D radar with five scans, 51.2 m x 51.2 m ahead.

Classes and range are those of the data set's own papers: Car, Pedestrian and Cyclist (``bicycle`` here; convert with
``--benchmark-classes``, otherwise parked bicycles belong to it too), x 0 to 51.2 m, y within 25.6 m. The metric is
not theirs: nuScenes' matches by distance of centres, View-of-Delft's by overlap, so figures cannot be set beside
published ones. Their "driving corridor" (25 m ahead, 4 m to either side) has no twin here; ``tools/evaluate.py
nuscenes --max-forward 25`` is the nearest.

Key frames come at 10 Hz: past frames are counted in tenths of a second. The test split is published without labels.
Untested on the real data.
"""

data_root = 'data/vod'
info_root = '${data_root}'
train_split, val_split, test_split = 'vod_train', 'vod_val', 'vod_val'
cameras, radars = None, None
lidar_sweeps, radar_sweeps = 0, 4  # five radar scans, as the data set's radar_5frames
radar_draw = dict(sweeps=None, drop=0.1)  # in training: all sweeps; share of points left out
rcs_mean, rcs_std, rcs_range = 0.0, 10.0, (-40.0, 20.0)  # dBsm; plain scales, not measured on the data

bev_frame = 'lidar'  # or 'ego'
point_cloud_range = [0.0, -25.6, -3.0, 51.2, 25.6, 2.0]
bev_cell = 0.8
depth_bound = [1.0, 57.0, 0.8]
tasks = [['car'], ['pedestrian'], ['bicycle']]

final_size = (384, 640)
decode_scale = 2
depth_stride = 8
image_aug = dict(type='ImageAug', final_size='${final_size}', resize_lim=(0.317, 0.37), flip_prob=0.5, training=True)
bev_aug = dict(type='BEVAug', rot_deg=(-10, 10), scale_lim=(0.95, 1.05), flip_x_prob=0.0, flip_y_prob=0.5)
box_filter = dict(type='FilterObjects', point_cloud_range='${point_cloud_range}')
batch_size, num_workers, persistent_workers = 4, 4, True
