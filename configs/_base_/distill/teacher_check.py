"""Acceptance checks of teachers before training: ``custom_hooks = [..., '${lidar_check}', '${label_check}']``.

Each predicts frames of ``val_split`` with the teacher's own inputs and stops the run if ``metric`` stays below
``expected`` - ``tolerance``. Nothing is expected here: a config that names a public checkpoint says what it should
reach, ``--cfg-options lidar_check.expected=0.35`` says it for one's own. A part of the split scores a few points
higher or lower than all of it; ``frames=None`` takes all.
"""

lidar_check = dict(
    type='TeacherCheckHook',
    teacher='lidar',
    frames=200,
    metric='mAP',
    expected=None,
    tolerance=0.05,
    dataset=dict(cameras=[], radars='${radars}', past_frames=()),
    pipeline=[
        dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}'),
        dict(type='LoadRadarSweeps', sweeps_num='${radar_sweeps}', filter_preset='crn', backend_args='${backend_args}'),
        dict(type='ToBEVFrame', frame='${bev_frame}'),
        dict(type='FilterPoints', point_cloud_range='${point_cloud_range}'),
        dict(type='PackInputs', keys=('points', 'radar'))])
label_check = dict(
    type='TeacherCheckHook',
    teacher='label',
    through='lidar',
    frames=200,
    metric='mAP',
    expected=None,
    tolerance=0.05,
    dataset=dict(cameras=[], radars=[], past_frames=()),
    pipeline=[dict(type='LoadBoxes3D'), dict(type='ToBEVFrame', frame='${bev_frame}'),
              dict(type='PackInputs', keys=())])
