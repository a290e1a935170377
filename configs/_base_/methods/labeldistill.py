"""LabelDistill (Kim et al., ECCV 2024) as pairs: a LiDAR detector and the labels teach a third of the channels each.

Needs a rig, a ``student``, a LiDAR ``teacher`` and ``label_encoder.py`` (``../models``). Both teachers' checkpoints
are given on the command line::

  --cfg-options model.teachers.lidar.checkpoint=LIDAR.pth model.teachers.label.checkpoint=LABEL.pth

The terms, with the weights of the released code; ``A``: an adaptor of each pair's own; squares are summed over
channels::

  label     0.3  sum_x 1[G > 0] |A(M_1) - E|^2   / sum 1[G > 0]    M_1: first third of the merged map's channels
  label2    0.3  the same of Q_1 and E at 1.6 m                    Q: first stage of the trunk with 1.6 m cells
  lidar     0.3  sum_x G |A(M_2) - F_L|^2        / sum G           M_2: second third; the last one stays free
  lidar2    0.3  the same of Q_2 and F_L at 1.6 m
  response  1.0  GaussianFocal(p_S, p_T G) / N + 0.25 L1 at true centres / N

``E``: maps of the label encoder, ``F_L``: of the teacher's backbone, ``G``: the sum of the largest Gaussians of each
class; at 1.6 m it is drawn at 0.8 m and taken down bilinearly. ``GaussianFocalResponse`` tells the trap of the
released response: it only pushes down. What is open is a choice::

  labeldistill_distance='${labeldistill_distances.rms}'  # means over channels, teachers divided by RMS; the weights
                                                         # are for sums over a public teacher's 128 and 256 channels

The same loss is ``imkd_full.py`` under the switches that its docstring names. LEFT OUT: nothing of the loss; the
publication's student is camera-only, this one also has radar.
"""

_base_ = ['../distill/distiller.py']

labeldistill_weights = dict(label=0.3, lidar=0.3, response=1.0)
labeldistill_distances = dict(
    sum=dict(type='MSE', channel='sum'),
    rms=dict(type='MSE', channel='mean', normalise='rms'))
labeldistill_distance = '${labeldistill_distances.sum}'
label_third = [dict(type='ChannelPart', part=0, of=3), dict(type='DistillAdaptor')]
lidar_third = [dict(type='ChannelPart', part=1, of=3), dict(type='DistillAdaptor')]
label_area, lidar_area = dict(type='GaussianMask', mode='binary'), dict(type='GaussianMask', mode='sum')

kd_teachers = dict(label='${label_teacher}')
kd_pairs = dict(
    label=dict(
        student='merged_bev', teacher='label.bev_s8', connector=label_third, mask=label_area,
        loss='${labeldistill_distance}', weight='${labeldistill_weights.label}'),
    label2=dict(
        student='trunk_s16', teacher='label.bev_s16', connector=label_third,
        mask=dict(type='OnCells', cell='${bev_cell}', mask=label_area),
        loss='${labeldistill_distance}', weight='${labeldistill_weights.label}'),
    lidar=dict(
        student='merged_bev', teacher='lidar.bev_s8', connector=lidar_third, mask=lidar_area,
        loss='${labeldistill_distance}', weight='${labeldistill_weights.lidar}'),
    lidar2=dict(
        student='trunk_s16', teacher='lidar.bev_s16', connector=lidar_third,
        mask=dict(type='OnCells', cell='${bev_cell}', mask=lidar_area),
        loss='${labeldistill_distance}', weight='${labeldistill_weights.lidar}'),
    response=dict(
        student='head', teacher='lidar.head', loss=dict(type='GaussianFocalResponse'),
        weight='${labeldistill_weights.response}'))
custom_hooks = [dict(type='KDLogHook'), '${lidar_check}', '${label_check}']
