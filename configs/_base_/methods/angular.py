"""Angular-KD (arXiv 2510.22480, NeurIPS 2025) moved to dense maps: a student of one teacher and five views of it.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``); S: a learnt map of what the student's head reads,
T: what the teacher's head reads, v_i: learnt views of T (channels dropped, turned, normalised), E: the direction of T
+ 0.8 sum v_i::

  views   weight [ mean_c (1 - r(S_c, E_c))                                          the student follows (PKD)
                 + 0.1 (constraint: v_i nearer to its T than to others + diversity: softplus(cos(v_i, v_j)))
                 + mean softplus(cos(T - v_i, T - v_j)) ]                            the views learn

in the cells that LiDAR or radar saw. Published: heads, dropout, temperature 0.07, margin 0.2, weights 0.1, 1 and 0.8,
for pooled vectors of classifiers; CRD and KL for the student; 30 epochs of views alone before 240 of both
(``angular_warmup``, in steps; 0 for a short trial, in which the student would follow nothing yet). LEFT OUT: the
terms on logits and the views' own classifiers, which a map has not; in place of CRD stands PKD. Dense use was never
shown by the authors. The weight is ours. The logged share of the pair holds the views' own terms (0.1 to 1), which
pull at nothing of the student.
"""

_base_ = ['../distill/distiller.py']

angular_weight = 1.0
angular_warmup = 5000  # about a ninth of 24 epochs of 1,758 steps
kd_pairs = dict(views=dict(
    student='trunk_bev', teacher='lidar.neck_bev', connector=dict(type='Conv1x1'), mask=dict(type='ActiveCells'),
    loss=dict(type='AngularViews', imitate='PKD', warmup='${angular_warmup}'), weight='${angular_weight}'))
