"""X1, CrossKD (Wang et al., CVPR 2024): the student's neck passes the teacher's frozen head before it is compared::

  response_n*   R1's loss of (H_T(A F_S), H_T(F_T)), a level a pair      A: a 1x1 convolution to the teacher's channels

So the student's own head is left to the true boxes alone. DIFFERENT: published students enter the teacher's head after
its third of four convolutions; YOLOv5's head is one convolution, which ours pass whole. Each level has its own gate sum,
at least 1, so that a level without objects counts little.
"""

_base_ = ['./uav.py']

response_weight = 1.0
cross_loss = dict(type='GatedResponse', box_weight=1.0)
cross_schedule = dict(type='Window', value='${response_weight}', end='${kd_end}')
kd_pairs = dict(
    response_n3=dict(student='neck_n3', connector='Conv1x1', through=dict(tap='uav.neck_n3', function='uav.head_n3'),
                     teacher='uav.head_n3', loss='${cross_loss}', weight='${cross_schedule}'),
    response_n4=dict(student='neck_n4', connector='Conv1x1', through=dict(tap='uav.neck_n4', function='uav.head_n4'),
                     teacher='uav.head_n4', loss='${cross_loss}', weight='${cross_schedule}'),
    response_n5=dict(student='neck_n5', connector='Conv1x1', through=dict(tap='uav.neck_n5', function='uav.head_n5'),
                     teacher='uav.head_n5', loss='${cross_loss}', weight='${cross_schedule}'))
