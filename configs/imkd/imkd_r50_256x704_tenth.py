"""IMKD in full with the labels of a tenth of the drives and the sensors of all.

Detection losses and the pair of the label teacher see the annotated tenth, the pairs of the LiDAR teacher every frame.
Both teachers have to be trained on the same tenth, or hidden labels come back through them: ``teacher_voxel.py`` and
``label_encoder_voxel.py`` with ``--cfg-options labelled.fraction=0.1 labelled.others=repeat``. Their checkpoints are
given as for ``imkd_r50_256x704``. Controls: ``student_r50_256x704_tenth.py``, and the three that
``configs/demo/sim_imkd_tenth.py`` names. Not yet trained here.
"""

_base_ = ['./imkd_r50_256x704.py']

labelled = dict(fraction=0.1)
lidar_check = dict(expected=None)
