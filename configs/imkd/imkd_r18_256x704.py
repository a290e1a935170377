"""IMKD in full: ``student_r18_256x704`` taught by a pillar CenterPoint and by the labels.

Re-implemented from public material (docs/imkd.md). Both teachers' checkpoints are given on the command line::

  --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_pillar/epoch_20.pth \
      model.teachers.label.checkpoint=work_dirs/label_encoder_pillar/epoch_12.pth

or use ``recipe_r18.py``, which trains all of it in order. Expected: nothing is published for ResNet-18; the student
alone has NDS 54.2, mAP 44.9 (CRN). Cost: 24 epochs of 1,758 steps at batch 16 (4 GPUs x 4), each with both teachers'
forward pass. Not yet reproduced here.
"""

_base_ = ['./student_r18_256x704.py', '../_base_/models/centerpoint_pillar.py', '../_base_/models/label_encoder.py',
          '../_base_/distill/imkd_full.py']

model = '${distiller}'
