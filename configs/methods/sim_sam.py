"""Sharpness-aware steps (Foret et al., ICLR 2021) under Hinton's distillation, over the demo's student.

The pairs of ``sim_hinton``, KL to the teacher at temperature 2 as in SAMerging (arXiv 2512.21288), whose steps these
are: min over w of max over |e| <= rho of L(w + e). A step costs two forward and backward passes, so that equal
numbers of steps (this config beside ``sim_hinton``) are twice the compute; at equal compute the other trains for
twice the epochs::

  python tools/compare.py hinton=configs/methods/sim_hinton.py configs/methods/sim_sam.py \\
      longer=configs/methods/sim_hinton.py@max_epochs=16 --allow-differences --out work_dirs/sam --seeds 0 1 2 \\
      --teacher lidar=work_dirs/demo/teacher_lidar/last.pth

Any other config takes it: ``--cfg-options optim_wrapper.type=SAMOptimWrapper optim_wrapper.rho=0.05``.
"""

_base_ = ['../demo/sim_student.py', '../_base_/models/centerpoint_pillar_tiny.py', '../_base_/methods/hinton.py']

model = '${distiller}'
optim_wrapper = dict(type='SAMOptimWrapper', rho=0.05)
