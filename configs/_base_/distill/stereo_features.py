"""Backbone distillation: the four feature maps of the student, mapped to the teacher's channels, should equal them.

``L = sum over 1/4, 1/8, 1/16, 1/32 of the mean over channels and places of (P f - F)^2``, P a 1x1 convolution where
channels differ (Fast-FoundationStereo, Wen et al., CVPR 2026, section 3.1). The cosine of their ablation:
``--cfg-options feature_loss.type=Cosine``. Each level is logged as ``loss_distill.feature_s<stride>``.
"""

feature_loss = dict(type='MSE')
projection = dict(type='Conv1x1', skip_equal=True)
stereo_teacher = dict(type='FrozenTeacher', model='${teacher_alone}', checkpoint=None)
kd_teachers = dict(stereo='${stereo_teacher}')
kd_pairs = dict(
    feature_s4=dict(student='feature_s4', teacher='stereo.feature_s4', connector='${projection}',
                    loss='${feature_loss}'),
    feature_s8=dict(student='feature_s8', teacher='stereo.feature_s8', connector='${projection}',
                    loss='${feature_loss}'),
    feature_s16=dict(student='feature_s16', teacher='stereo.feature_s16', connector='${projection}',
                     loss='${feature_loss}'),
    feature_s32=dict(student='feature_s32', teacher='stereo.feature_s32', connector='${projection}',
                     loss='${feature_loss}'))
distiller = dict(type='Distiller', student='${student}', teachers='${kd_teachers}', pairs='${kd_pairs}')
custom_hooks = [dict(type='KDLogHook')]
