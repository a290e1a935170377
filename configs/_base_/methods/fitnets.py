"""FitNets (Romero et al., ICLR 2015): the LiDAR teacher's BEV map as a hint for the merged one.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); A: a learned map of the student's channels to the
teacher's::

  hint   mean over channels and cells of (A(M) - F_L)^2

Published: one hint in the middle of both networks, as here, with which the lower half is trained first, by itself;
since then used beside the task's losses, with weights of 1 to 100. LEFT OUT: that first stage (``dict(type='Window',
...)`` as the weight, and a second run from its checkpoint, would be it).
"""

_base_ = ['../distill/distiller.py']

fitnets_weight = 1.0
kd_pairs = dict(
    hint=dict(
        student='merged_bev', teacher='lidar.bev_s8', connector=dict(type='Conv1x1'), loss=dict(type='MSE'),
        weight='${fitnets_weight}'))
