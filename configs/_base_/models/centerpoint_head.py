"""Head settings of OpenMMLab's CenterPoints (six tasks, circle suppression). Weights depend on ``norm_cfg`` alone.

Suppression is mmdet3d's own: squared metres, one number a task, across the classes of a task.
"""

centerpoint_head = dict(
    norm_cfg=dict(type='BN2d'), shared_channels=64, head_channels=64, max_objs=500, max_num=500, max_keep=83,
    score_threshold=0.1, peak_window=1,
    suppression=dict(square_radius=[4, 12, 10, 1, 0.85, 0.175], across_classes=True))
