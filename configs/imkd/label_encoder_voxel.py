"""The label encoder on nuScenes for the voxel CenterPoint of ``teacher_voxel``, whose neck and head stay frozen.

  tools/train.py configs/imkd/label_encoder_voxel.py --cfg-options model.teachers.lidar.checkpoint=FILE
FILE is OpenMMLab's public checkpoint (see ``teacher_voxel``) or one's own, which may not reach what that one does: add
``lidar_check.expected=None`` then. For a teacher of the ego frame (``teacher_voxel_ego``) add
``bev_frame=ego lidar_check.expected=0.584``.

Source: LabelDistill (Kim et al., ECCV 2024), step 1, which trains through this very detector; see
``label_encoder_pillar`` for the schedule.
Expected: 56.11 mAP for the public teacher, checked before training on 200 frames with a tolerance of 5; for the labels
through its head nothing was published. Not yet reproduced here.
Cost: 28,130 samples an epoch, read from the info file alone; 8.6 M weights, 0.55 GB of tensors a sample in training.
"""

_base_ = ['../_base_/rigs/nuscenes.py', '../_base_/datasets/nuscenes_labels.py',
          '../_base_/models/centerpoint_voxel.py', '../_base_/models/label_encoder.py',
          '../_base_/distill/teacher_check.py', '../_base_/runtime/label_encoder.py']

model = '${label_trainer}'
lidar_check = dict(expected=0.5611)
