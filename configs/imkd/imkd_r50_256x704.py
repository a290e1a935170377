"""IMKD in full: ``student_r50_256x704`` taught by a voxel CenterPoint and by the labels.

Re-implemented from public material (docs/imkd.md). Both teachers' checkpoints are given on the command line::

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_voxel/epoch_20.pth \
      model.teachers.label.checkpoint=work_dirs/label_encoder_voxel/epoch_12.pth lidar_check.expected=None

(without the last option the public checkpoint's mAP is expected of the teacher, which one's own may not reach)
or use ``recipe_r50.py``, which trains all of it in order. Expected, nuScenes val: NDS 61.0, mAP 51.6 (table of IMKD's
README, ResNet-50 at 256x704), tolerance 1.0; the student alone 56. Cost: 24 epochs of 1,758 steps at batch 16 (4 GPUs
x 4), each with both teachers' forward pass. Not yet reproduced here.
"""

_base_ = ['./student_r50_256x704.py', '../_base_/models/centerpoint_voxel.py', '../_base_/models/label_encoder.py',
          '../_base_/distill/imkd_full.py']

model = '${distiller}'
lidar_check = dict(expected=0.561, tolerance=0.06)  # OpenMMLab's public checkpoint on all of val; None: only logged
