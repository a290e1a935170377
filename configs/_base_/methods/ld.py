"""Localization distillation (LD, Zheng et al., CVPR 2022) where this student has distributions: its depth bins.

Needs a rig and a ``student`` (``../models``). The teacher is a detector that lifts cameras by the same ``depth_bound``
(the number of bins is checked, not their borders) at the same stride; its checkpoint is given on the command line::

  --cfg-options model.teachers.camera.checkpoint=STUDENT.pth

One pair over the cells of all pictures' feature maps, p the softmax over the depth bins::

  depth   t^2 KL(p_T || p_S)       camera.depth_logits -> depth_logits

``camera_teacher`` is the student's own architecture (self-distillation, as LD's own ablation has it) unless a config
names a stronger one. Published: t 10, weight 0.25 with a mean over 17 bins, for the four edge distributions of a GFL
head; temperature and weight here are ours: 0.45 of the detection loss of the tiny student on the simulated world before
training, 0.04 for a trained one. LEFT OUT: edge distributions, which a CenterHead does not have; the valuable
localisation region, which is defined by anchors and boxes: ``ld_region='${ld_regions.sure}'`` counts the cells where
the teacher's distribution has an entropy below half of the largest one.
"""

_base_ = ['../distill/distiller.py']

camera_teacher = '${student}'
ld_regions = dict(
    all=None,
    sure=dict(type='ConfidenceGate', tap='camera.depth_logits', activation='softmax', measure='entropy', threshold=0.5))
ld_region = '${ld_regions.all}'
kd_teachers = dict(
    _delete_=True, camera=dict(type='FrozenTeacher', model='${camera_teacher}', checkpoint=None))
kd_pairs = dict(depth=dict(
    student='depth_logits', teacher='camera.depth_logits', mask='${ld_region}',
    loss=dict(type='LocalizationDistill', temperature=2.0), weight=0.5))
custom_hooks = [dict(type='KDLogHook')]  # no LiDAR teacher to check
