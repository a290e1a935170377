"""AdaSPEC (NeurIPS 2025) moved to dense heads: distil the cells where an earlier student shows what can be learnt.

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). The reference is the same student after distillation
(or alone), frozen; checkpoints are given on the command line, of a distilled student with the prefix of its weights::

  --cfg-options model.teachers.lidar.checkpoint=LIDAR.pth model.teachers.reference.checkpoint=DISTILLED.pth \
      model.teachers.reference.prefix=student.

One pair, mean over the chosen cells; KL is summed over the independent classes::

  response   KL(p_T || p_S)   in the 40 % of candidates with the largest KL(p_T || p_S) - KL(p_T || p_R)

Candidates are the cells where the teacher or the truth says something
(``adaspec_candidates='${adaspec_masks.teacher}'`` needs no annotations). Published, for tokens of language models: the
same divergence, chosen over a batch (here over a sample), the fraction k of experiments around 0.4 as we recall it, the
reference distilled from the teacher beforehand. The weight is ours: 0.17 of the detection loss of the tiny student on
the simulated world before training, 0.13 for a trained one, on 9 % of the cells. LEFT OUT: nothing; boxes are no part
of the method.
"""

_base_ = ['../distill/distiller.py']

adaspec_masks = dict(
    teacher=dict(type='ConfidenceGate', tap='lidar.head', threshold=0.1),
    truth=dict(type='GaussianMask', mode='binary'),
    either=dict(type='AnyOf', masks=['${adaspec_masks.teacher}', '${adaspec_masks.truth}']))
adaspec_candidates = '${adaspec_masks.either}'
kd_teachers = dict(reference=dict(type='FrozenTeacher', model='${student}', checkpoint=None))
kd_pairs = dict(response=dict(
    student='head', teacher='lidar.head',
    mask=dict(type='LearnableFirst', fraction=0.4, candidates='${adaspec_candidates}'),
    loss=dict(type='HintonKD', activation='sigmoid', temperature=1.0), weight=1.0))
