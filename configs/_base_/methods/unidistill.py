"""UniDistill (Zhou et al., CVPR 2023) as pairs: maps, relations in them and responses, all at true boxes.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). The terms, with the weights of the released code;
the nine points of a box are its corners, the middles of its edges and its centre, seen from above::

  feature    100  mean over boxes, points, channels of |A(M)(p) - L(p)|                 before the BEV encoder
  relation   40   mean over boxes and pairs of points of |cos(S_p, S_q) - cos(T_p, T_q)|  after it
  response   10   sum_x G (|h_S - h_T| + mean_k |R_S - R_T|) / sum G                    heads

``M``: the merged map, ``L``: the dense map that the teacher's backbone reads (resampled to its cells); ``S``, ``T``:
the maps that the heads read; ``h``: the largest class probability, ``R``: all regressions, ``G``: the largest
Gaussian of all true boxes (overlap 0.7, no least radius).

What is open is a choice::

  unidistill_temperature=1.0     # the released code halves the teacher's logits (2.0), so that the term is not least
                                 # where the student equals the teacher but where it is half as sure

Differences from the publication: ``A`` (1x1 convolution), since the maps' channels differ; no IoU branch, which these
heads do not have. The weights are for its teacher's maps; for another's, look at the logged shares. LEFT OUT:
nothing.
"""

_base_ = ['../distill/distiller.py']

unidistill_weights = dict(feature=100.0, relation=40.0, response=10.0)
unidistill_temperature = 2.0
kd_pairs = dict(
    feature=dict(
        student='merged_bev', teacher='lidar.encoder_bev', connector=[dict(type='BEVResample'), dict(type='Conv1x1')],
        loss=dict(type='NinePointFeature'), weight='${unidistill_weights.feature}'),
    relation=dict(
        student='trunk_bev', teacher='lidar.neck_bev', loss=dict(type='NinePointRelation'),
        weight='${unidistill_weights.relation}'),
    response=dict(
        student='head', teacher='lidar.head',
        loss=dict(type='GaussianMaskedResponse', teacher_temperature='${unidistill_temperature}'),
        weight='${unidistill_weights.response}'))
