"""CRKD over the student of ``student_r50_256x704``, taught by ``teacher_lidar_camera``. Not yet run at this size.

  --cfg-options model.teachers.lidar_camera.checkpoint=work_dirs/teacher_lidar_camera/epoch_20.pth

Taught by the LiDAR teacher of the other methods instead (see ``../_base_/methods/crkd.py``)::

  --cfg-options crkd_teacher='${crkd_teachers.lidar}' \
      model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth
"""

_base_ = ['../imkd/student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py',
          '../_base_/models/lidar_camera.py', '../_base_/methods/crkd.py']

model = '${distiller}'
