"""LiDAR teachers on any nuScenes-format root, trained with pasted objects. Needs a rig (``../rigs``) and a database:

  python tools/create_data.py gt-database --root DIR --infos DIR/nuscenes_infos_train.pkl --gt-sweeps N
N: ``lidar_sweeps`` of the rig. Radars do not see pasted objects, so no radar is loaded: for teachers of LiDAR alone.

Counts are those of CBGS (Zhu et al., 2019), which mmdet3d uses for nuScenes too.
"""

_base_ = ['./nuscenes_lidar.py']

load_points = [dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}')]
gt_database = '${info_root}/nuscenes_gt_database_${train_split}.pkl'
paste_objects = dict(
    type='PasteObjects',
    database='${gt_database}',
    classes='${tasks}',
    counts=dict(car=2, truck=3, construction_vehicle=7, bus=4, trailer=6, barrier=2, motorcycle=6, bicycle=6,
                pedestrian=2, traffic_cone=2),
    min_points=5,
    sweeps_num='${lidar_sweeps}',
    labelled='${labelled}')
to_bev_frame = dict(type='ToBEVFrame', frame='${bev_frame}')
pack = [
    dict(type='FilterPoints', point_cloud_range='${point_cloud_range}'),
    dict(type='PackInputs', keys=('points', 'lidar_aug_matrix')),
]
train_pipeline = [
    *load_points, dict(type='LoadBoxes3D'), paste_objects, to_bev_frame, '${bev_aug}', '${box_filter}', *pack]
test_pipeline = [*load_points, to_bev_frame, *pack]
