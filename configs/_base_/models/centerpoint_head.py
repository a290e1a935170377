"""Head settings of OpenMMLab's CenterPoints (six tasks, circle suppression). Weights depend on ``norm_cfg`` alone.

mmdet3d's circle radii are squared distances, [4, 12, 10, 1, 0.85, 0.175] m2 a task; here they are metres a class.
"""

centerpoint_head = dict(
    norm_cfg=dict(type='BN2d'), shared_channels=64, head_channels=64, max_objs=500, max_num=500, max_keep=83,
    score_threshold=0.1, peak_window=1,
    radius=dict(car=2.0, truck=3.464, construction_vehicle=3.464, bus=3.162, trailer=3.162, barrier=1.0,
                motorcycle=0.922, bicycle=0.922, pedestrian=0.418, traffic_cone=0.418))
