"""IMKD in full: ``student_r101_512x1408`` taught by a voxel CenterPoint and by the labels.

Re-implemented from public material (docs/imkd.md). Checkpoints of the teachers as for ``imkd_r50_256x704``.
Expected, nuScenes val: NDS 62.7 (62.8 by its own columns), mAP 53.9 (table of IMKD's README, ResNet-101 at 1408x512),
tolerance 1.0. Cost: 24 epochs of 1,758 steps at batch 16 (8 GPUs x 2), each with both teachers' forward pass.
Not yet reproduced here.
"""

_base_ = ['./student_r101_512x1408.py', '../_base_/models/centerpoint_voxel.py', '../_base_/models/label_encoder.py',
          '../_base_/distill/imkd_full.py']

model = '${distiller}'
lidar_check = dict(expected=0.561, tolerance=0.06)  # OpenMMLab's public checkpoint on all of val; None: only logged
