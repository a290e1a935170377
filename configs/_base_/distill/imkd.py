"""IMKD's LiDAR terms as pairs: LiDAR to radar, LiDAR to fused, response (re-implemented from public material).

Needs a ``student`` and a ``teacher`` (``../models``); use it with ``model = '${distiller}'``.

The teacher's 0.8 m map teaches the radar map after the LiDAR return intensity has scaled it, and the merged map
where that intensity says; its head teaches the student's. Features are divided by their RMS and averaged over
channels, so that the weights mean the same for every teacher.
"""

imkd_warmup = 40  # iterations
imkd_intensity = dict(type='IntensityMap', norm='log', reduce='max')
imkd_pairs = dict(
    lidar_to_radar=dict(
        student='radar_bev', teacher='lidar.bev_s8',
        connector=dict(type='DistillAdaptor'),
        target_scale='${imkd_intensity}',
        mask=dict(type='ActiveCells'),
        loss=dict(type='MSE', channel='mean', normalise='rms'),
        weight=dict(type='LinearWarmup', value=0.3, end='${imkd_warmup}')),
    lidar_to_fused=dict(
        student='merged_bev', teacher='lidar.bev_s8',
        connector=dict(type='DistillAdaptor'),
        mask='${imkd_intensity}',
        loss=dict(type='MSE', channel='mean', normalise='rms'),
        weight=dict(type='LinearWarmup', value=0.3, end='${imkd_warmup}')),
    lidar_response=dict(
        student='head', teacher='lidar.head',
        loss=dict(type='CenterHeadResponse'),
        weight=dict(type='LinearWarmup', value=1.0, end='${imkd_warmup}')))

distiller = dict(
    type='Distiller',
    student='${student}',
    teachers=dict(lidar=dict(
        type='FrozenTeacher', model='${teacher}', adapter=dict(type='CenterPointAdapter'), checkpoint=None)),
    pairs='${imkd_pairs}')
custom_hooks = [dict(type='KDLogHook')]
