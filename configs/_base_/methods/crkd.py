"""CRKD (Zhao et al., CVPR 2024) as pairs: a LiDAR-camera detector teaches the camera-radar student.

Needs a rig, a ``student``, a LiDAR ``teacher`` and ``lidar_camera*.py`` (``../models``). The checkpoint is given on the
command line::

  --cfg-options model.teachers.lidar_camera.checkpoint=LIDAR_CAMERA.pth

The terms, with the weights of the released code; ``A`` is a learned map of the student's channels to the teacher's::

  activation  CSRD   100   mean_x |act(F_R) - o_T|     act: 3 dilated convolutions, 1x1, ReLU; o_T = objectness:
                           mean over tasks of sigmoid(max over classes of the teacher's heat map)
  camera      MSFD   10/2  mean over channels and the cells of enlarged boxes of (A(C_S) - C_T)^2
  fused       MSFD   10/2  the same of the fused maps; C is the gated camera map
  relation    RelD   0.25  sum over n = 32, 16, 8, 4 of mean |A(M_S)_n^T A(M_S)_n - M_T,n^T M_T,n|
  response    RespD  1     sum over tasks w [QFL / #(p_T > 0.3) + 40 mean(SmoothL1 sum p_T) where sum p_T > 0.1]

What is open is a choice among named values::

  crkd_teacher='${crkd_teachers.lidar}'            # the LiDAR teacher of the other methods alone: the fair comparison of
                                                   # losses; then the camera map learns from its BEV map
  crkd_objectness=mean_objectness                  # the released code: mean over classes before the sigmoid; for tasks of
                                                   # one or two classes, in one of ten it vanishes
  crkd_relation=cosine                             # affinities of places of length 1

Differences from the publication: the teacher lies on the student's grid (0.8 m; CRKD's has 0.075 m voxels and 180 x 180
cells) and reads pillars; the released code divides MSFD once more by the batch; in MSFD the cell of a box's centre always
counts, since a pedestrian can be smaller than a cell; there the student starts from weights trained without
distillation (``load_from=STUDENT.pth``), here as all others do. LEFT OUT: nothing of the four terms.
"""

_base_ = ['../distill/distiller.py']

lidar_camera_frozen = dict(
    type='FrozenTeacher', model='${lidar_camera_teacher}', adapter=dict(type='MarkedModelAdapter'), checkpoint=None)
lidar_camera_check = dict(
    type='TeacherCheckHook',
    teacher='lidar_camera',
    frames=200,
    metric='mAP',
    expected=None,
    tolerance=0.05,
    dataset=dict(cameras='${cameras}', radars='${radars}', past_frames=()),
    pipeline=[
        '${load_images}',
        '${load_radar}',
        dict(type='LoadLidarSweeps', sweeps_num='${lidar_sweeps}', backend_args='${backend_args}'),
        '${to_bev_frame}',
        dict(type='ImageAug', final_size='${final_size}'),
        '${filter_points}',
        dict(type='PackInputs', keys=('img', 'cam2lidar', 'cam2img', 'img_aug_matrix', 'lidar_aug_matrix', 'radar',
                                      'points'))])
crkd_teachers = dict(
    lidar_camera=dict(
        teachers=dict(lidar_camera='${lidar_camera_frozen}'), check='${lidar_camera_check}', name='lidar_camera',
        camera='lidar_camera.camera_gated', fused='lidar_camera.fused_bev'),
    lidar=dict(
        teachers=dict(lidar='${lidar_teacher}'), check='${lidar_check}', name='lidar',
        camera='lidar.bev_s8', fused='lidar.bev_s8'))
crkd_teacher = '${crkd_teachers.lidar_camera}'
crkd_objectness = 'objectness'
crkd_relation = None
crkd_task_weights = [2, 2, 2, 1, 2, 1]  # nuScenes' six tasks in CenterPoint's order; None where a head has others

kd_teachers = '${crkd_teacher.teachers}'
kd_pairs = dict(
    activation=dict(
        student='radar_bev', teacher='${crkd_teacher.name}.${crkd_objectness}',
        connector=dict(type='DilatedActivation'), loss=dict(type='L1'), weight=100.0),
    camera=dict(
        student='camera_gated', teacher='${crkd_teacher.camera}', connector=dict(type='Conv1x1'),
        mask=dict(type='ScaledBoxes'), loss=dict(type='MSE'), weight=5.0),
    fused=dict(
        student='fused_bev', teacher='${crkd_teacher.fused}', connector=dict(type='Conv1x1'),
        mask=dict(type='ScaledBoxes'), loss=dict(type='MSE'), weight=5.0),
    relation=dict(
        student='fused_bev', teacher='${crkd_teacher.fused}', connector=dict(type='Conv1x1'),
        loss=dict(type='GramRelation', normalise='${crkd_relation}'), weight=0.25),
    response=dict(
        student='head', teacher='${crkd_teacher.name}.head',
        loss=dict(type='ConfidentResponse', task_weights='${crkd_task_weights}'), weight=1.0))
custom_hooks = [dict(type='KDLogHook'), '${crkd_teacher.check}']
