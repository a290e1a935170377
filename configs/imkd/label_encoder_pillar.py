"""The label encoder on nuScenes for the pillar CenterPoint of ``teacher_pillar``, whose neck and head stay frozen.

  tools/train.py configs/imkd/label_encoder_pillar.py \
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_pillar/epoch_20.pth
  tools/test.py configs/imkd/label_encoder_pillar.py work_dirs/label_encoder_pillar/epoch_12.pth --cfg-options ...

It then teaches as ``label`` of ``_base_/distill/imkd_full.py``:
``--cfg-options model.teachers.label.checkpoint=work_dirs/label_encoder_pillar/epoch_12.pth``.

Source: LabelDistill (Kim et al., ECCV 2024), step 1, and its released code: 12 epochs, AdamW 1e-3, weight decay 1e-7,
rate divided by 10 after 10 and 11, moving average. ``label_encoder.raster_scale=0.5`` for what that code draws.
Expected: nobody published how much of the labels passes through the frozen head (the mAP that ``tools/test.py``
gives); it must be clearly above the teacher's own. Not yet reproduced here on nuScenes.
Cost: 28,130 samples an epoch, read from the info file alone; 8.6 M weights, 0.55 GB of tensors a sample in training.
"""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_labels.py',
          '../_base_/models/centerpoint_pillar.py', '../_base_/models/label_encoder.py',
          '../_base_/distill/teacher_check.py', '../_base_/runtime/label_encoder.py']

model = '${label_trainer}'
