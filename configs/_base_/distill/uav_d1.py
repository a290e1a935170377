"""D1, adversarial distillation of the neck, beside FitNets, which keeps it from collapsing. A level a pair each::

  hint_n*        hint_weight mean (A F_S - F_T / rms(F_T))^2
  adversary_n*   [b1(D(T)) + b0(D(sg S))] / 2 + adversary_weight b1(D_sg(S))     S = A F_S, T = F_T / rms(F_T)

with b1 = softplus(-x), b0 = softplus(x). D judges every place (a 1x1 and two 3x3 convolutions, LeakyReLU 0.2, spectral
norm), learns at full weight from detached maps, and stands still before ``adversary_begin``; the student learns through
D with detached weights. Both pairs of a level share A. One backward pass and one optimiser do both: the discriminator's
learning rate is a parameter group (``pairs.adversary_n3.loss``). Everything in float32, under mixed precision too.
``accuracy.adversary_n*`` in the log is healthy between 0.6 and 0.8.
"""

_base_ = ['./uav.py']

hint_weight = 2.0
adversary_weight = 2.0  # 0.03 beside a detection loss that is not scaled by 64
adversary_begin = 5  # epochs
hint_loss = dict(type='MSE', normalise='rms')
hint_schedule = dict(type='Window', value='${hint_weight}', end='${kd_end}')
adversary_loss = dict(
    type='Adversarial', hidden=(128, 128, 128), kernels=(1, 3, 3), spectral=True, game='non_saturating',
    student_weight='${adversary_weight}', normalise='rms')
adversary_schedule = dict(type='Window', value=1.0, begin='${adversary_begin}', end='${kd_end}')
kd_pairs = dict(
    hint_n3=dict(student='neck_n3', teacher='uav.neck_n3', connector='Conv1x1', loss='${hint_loss}',
                 weight='${hint_schedule}'),
    hint_n4=dict(student='neck_n4', teacher='uav.neck_n4', connector='Conv1x1', loss='${hint_loss}',
                 weight='${hint_schedule}'),
    hint_n5=dict(student='neck_n5', teacher='uav.neck_n5', connector='Conv1x1', loss='${hint_loss}',
                 weight='${hint_schedule}'),
    adversary_n3=dict(student='neck_n3', teacher='uav.neck_n3', loss='${adversary_loss}',
                      connector=dict(type='ConnectorOf', pair='hint_n3', otherwise='Conv1x1'),
                      weight='${adversary_schedule}'),
    adversary_n4=dict(student='neck_n4', teacher='uav.neck_n4', loss='${adversary_loss}',
                      connector=dict(type='ConnectorOf', pair='hint_n4', otherwise='Conv1x1'),
                      weight='${adversary_schedule}'),
    adversary_n5=dict(student='neck_n5', teacher='uav.neck_n5', loss='${adversary_loss}',
                      connector=dict(type='ConnectorOf', pair='hint_n5', otherwise='Conv1x1'),
                      weight='${adversary_schedule}'))
