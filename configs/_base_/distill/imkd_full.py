"""IMKD in full: four pairs from a LiDAR teacher and a label teacher (re-implemented from public material).

Needs a rig, a ``student``, a LiDAR ``teacher`` and ``label_encoder.py`` (``../models``); use it with
``model = '${distiller}'``. Both teachers' checkpoints are given on the command line::

  --cfg-options model.teachers.lidar.checkpoint=LIDAR.pth model.teachers.label.checkpoint=LABEL.pth

The terms, summed over channels, with weights that grow over the first epoch::

  lidar_to_radar  0.3 sum_x R(x) |A(F_R) - I F_L|^2 / sum R     R: cells that LiDAR or radar saw
  lidar_to_fused  0.3 sum_x I(x) |A(M) - F_L|^2     / sum I     I: LiDAR return intensity
  label_to_fused  0.3 sum_x G(x) |A(M) - E|^2       / sum G     G: soft Gaussians around true boxes
  lidar_response  1.0 heat maps by quality-focal loss, boxes by L1 where the teacher is confident

What the paper leaves open is a choice among named values. One line on the command line, or in a config, chooses::

  imkd_intensity='${intensity_maps.teacher_activation}'    # or gaussian, none; intensity_maps.lidar_return.norm=div255
  imkd_s1='${s1_weights.loss}'                             # intensity weights the loss, not the target
  imkd_region='${regions.all}'                             # or gaussian; active: by the radar branch's occupancy
  imkd_adaptor='${adaptors.conv1x1}'                       # or resampled: a teacher tap on another grid
  imkd_lidar_tap='${lidar_taps.neck}'                      # or dense_bev; on 0.4 m pillars with adaptors.resampled
                                                           # and regions.points
  imkd_fused='${fused_taps.m_t0}'                          # or trunk1
  imkd_lidar_weight='${lidar_weights.G}'                   # or GI, G_half_I
  imkd_label_weight='${label_weights.binary}'
  imkd_partition='${partitions.thirds}'
  imkd_response='${responses.truth}'                       # or released, with its trap
  imkd_distance='${distances.rms}'                         # or mean, l2, channel_std
  imkd_schedule='${kd_schedules.radar_first}'              # or end_off
  imkd_pairs.lidar_to_trunk='${optional_pairs.lidar_to_trunk}'   # second scale; label_to_trunk likewise
  imkd_pairs.radar_anchor='${optional_pairs.radar_anchor}'       # gates towards I; camera_anchor likewise
  imkd_pairs.lidar_to_radar=None                           # leaves a pair out
  lam.lidar_to_radar=0.1                                   # a weight
  distiller.balance='${balances.gradient_norm}'            # weights that follow gradient norms

LabelDistill is: thirds, G, binary, released, both pairs of the second scale, and no ``lidar_to_radar``.
"""

_base_ = ['./teacher_check.py']

lam = dict(lidar_to_radar=0.3, lidar_to_fused=0.3, label_to_fused=0.3, lidar_response=1.0, anchor=0.1)

intensity_maps = dict(
    lidar_return=dict(type='IntensityMap', norm='log', reduce='max', floor=0.0),
    teacher_activation=dict(
        type='OnCells', cell='${bev_cell}', mask=dict(type='ActivationMap', tap='lidar.bev_s8')),
    gaussian=dict(type='GaussianMask'),
    none=dict(type='All'))
imkd_intensity = '${intensity_maps.lidar_return}'

regions = dict(
    active=dict(type='ActiveCells', radar=None, occupancy_tap='radar_occupancy'),
    points=dict(type='ActiveCells'),
    all=dict(type='All'),
    gaussian=dict(type='GaussianMask'))
imkd_region = '${regions.points}'  # an untrained occupancy is above the threshold of `active` nearly everywhere

s1_weights = dict(
    target=dict(scale='${imkd_intensity}', mask='${imkd_region}'),
    loss=dict(scale=None, mask=dict(type='Product', masks=['${imkd_region}', '${imkd_intensity}'])))
imkd_s1 = '${s1_weights.target}'

adaptors = dict(
    adaptor=dict(type='DistillAdaptor'),
    conv1x1=dict(type='Conv1x1'),
    resampled=[dict(type='BEVResample'), dict(type='DistillAdaptor')])
imkd_adaptor = '${adaptors.adaptor}'
partitions = dict(
    none=dict(label='${imkd_adaptor}', lidar='${imkd_adaptor}'),
    thirds=dict(label=[dict(type='ChannelPart', part=0, of=3), '${imkd_adaptor}'],
                lidar=[dict(type='ChannelPart', part=1, of=3), '${imkd_adaptor}']))
imkd_partition = '${partitions.none}'

lidar_taps = dict(second='lidar.bev_s8', neck='lidar.neck_bev', dense_bev='lidar.encoder_bev')
imkd_lidar_tap = '${lidar_taps.second}'
fused_taps = dict(
    m=dict(student='merged_bev', lidar='${imkd_lidar_tap}', label='label.bev_s8'),
    m_t0=dict(student='fused_bev', lidar='${imkd_lidar_tap}', label='label.bev_s8'),
    trunk1=dict(student='trunk_s16', lidar='lidar.bev_s16', label='label.bev_s16'))
imkd_fused = '${fused_taps.m}'

lidar_weights = dict(
    I='${imkd_intensity}',
    G=dict(type='GaussianMask', mode='sum'),
    GI=dict(type='Product', masks=['${lidar_weights.G}', '${imkd_intensity}']),
    G_half_I=dict(type='Product', masks=[
        '${lidar_weights.G}', dict(type='Affine', mask='${imkd_intensity}', gain=0.5, offset=0.5)]))
imkd_lidar_weight = '${lidar_weights.I}'
label_weights = dict(soft=dict(type='GaussianMask', mode='soft'), binary=dict(type='GaussianMask', mode='binary'))
imkd_label_weight = '${label_weights.soft}'

distances = dict(
    sum=dict(type='MSE', channel='sum'),
    mean=dict(type='MSE', channel='mean'),
    rms=dict(type='MSE', channel='mean', normalise='rms'),
    l2=dict(type='MSE', channel='sum', normalise='l2'),
    channel_std=dict(type='MSE', channel='mean', normalise='channel_std'))
imkd_distance = '${distances.sum}'

responses = dict(
    teacher=dict(loss=dict(type='CenterHeadResponse'), mask=None),
    truth=dict(loss=dict(type='CenterHeadResponse', boxes='truth'), mask=None),
    released=dict(loss=dict(type='GaussianFocalResponse'), mask=None))
imkd_response = '${responses.teacher}'

kd_schedules = dict(
    joint=dict(radar=dict(type='LinearWarmup', value=1.0, end=1, unit='epoch'), others='${kd_schedules.joint.radar}'),
    radar_first=dict(radar='${kd_schedules.joint.radar}',
                     others=dict(type='LinearWarmup', value=1.0, begin=6, end=7, unit='epoch')),
    end_off=dict(radar=dict(type='LinearWarmup', value=1.0, end=1, off=-2, unit='epoch'),
                 others='${kd_schedules.end_off.radar}'))
imkd_schedule = '${kd_schedules.joint}'
balances = dict(gradient_norm=dict(
    type='GradientNormBalance', momentum=0.9, interval=20,
    shares=dict(lidar_to_radar=0.2, lidar_to_fused=0.2, label_to_fused=0.2, lidar_response=0.3)))

imkd_pairs = dict(
    lidar_to_radar=dict(
        student='radar_bev', teacher='${imkd_lidar_tap}', connector='${imkd_adaptor}',
        target_scale='${imkd_s1.scale}', mask='${imkd_s1.mask}', loss='${imkd_distance}',
        weight=dict(type='Scaled', value='${lam.lidar_to_radar}', schedule='${imkd_schedule.radar}')),
    lidar_to_fused=dict(
        student='${imkd_fused.student}', teacher='${imkd_fused.lidar}', connector='${imkd_partition.lidar}',
        mask='${imkd_lidar_weight}', loss='${imkd_distance}',
        weight=dict(type='Scaled', value='${lam.lidar_to_fused}', schedule='${imkd_schedule.others}')),
    label_to_fused=dict(
        student='${imkd_fused.student}', teacher='${imkd_fused.label}', connector='${imkd_partition.label}',
        mask='${imkd_label_weight}', loss='${imkd_distance}',
        weight=dict(type='Scaled', value='${lam.label_to_fused}', schedule='${imkd_schedule.others}')),
    lidar_response=dict(
        student='head', teacher='lidar.head', mask='${imkd_response.mask}', loss='${imkd_response.loss}',
        weight=dict(type='Scaled', value='${lam.lidar_response}', schedule='${imkd_schedule.others}')),
    lidar_to_trunk=None, label_to_trunk=None, radar_anchor=None, camera_anchor=None)

optional_pairs = dict(
    lidar_to_trunk=dict(
        student='trunk_s16', teacher='lidar.bev_s16', connector='${imkd_partition.lidar}', loss='${imkd_distance}',
        mask=dict(type='OnCells', cell='${bev_cell}', mask='${imkd_lidar_weight}'),
        weight=dict(type='Scaled', value='${lam.lidar_to_fused}', schedule='${imkd_schedule.others}')),
    label_to_trunk=dict(
        student='trunk_s16', teacher='label.bev_s16', connector='${imkd_partition.label}', loss='${imkd_distance}',
        mask=dict(type='OnCells', cell='${bev_cell}', mask='${imkd_label_weight}'),
        weight=dict(type='Scaled', value='${lam.label_to_fused}', schedule='${imkd_schedule.others}')),
    radar_anchor=dict(
        student='radar_intensity', teacher='intensity.lidar', loss=dict(type='BCE'),
        weight=dict(type='Scaled', value='${lam.anchor}', schedule='${imkd_schedule.others}')),
    camera_anchor=dict(
        student='camera_intensity', teacher='intensity.lidar', loss=dict(type='BCE'),
        weight=dict(type='Scaled', value='${lam.anchor}', schedule='${imkd_schedule.others}')))

distiller = dict(
    type='Distiller',
    student='${student}',
    teachers=dict(
        lidar=dict(type='FrozenTeacher', model='${teacher}', adapter=dict(type='CenterPointAdapter'), checkpoint=None),
        label='${label_teacher}',
        intensity=dict(type='MapTeacher', maps=dict(lidar='${intensity_maps.lidar_return}'),
                       point_cloud_range='${point_cloud_range}', cell='${bev_cell}')),
    pairs='${imkd_pairs}',
    balance=None)
custom_hooks = [dict(type='KDLogHook', expected=(0.05, 0.5)), dict(type='GradientProbeHook', interval=100),
                '${lidar_check}', '${label_check}']
