"""Stereo matchers at the published widths: FoundationStereo (CVPR 2025) and Fast-FoundationStereo (CVPR 2026).

``teacher`` has 39.2 M parameters beside its prior (DepthAnythingV2-L, 335.3 M), ``skeleton`` is the student before
search and pruning with 20.05 M, ``student`` the released one with 14.60 M: the paper's 14.6 M. Its motion encoder
joins by 3x3 convolutions, as the released weights have it; by 1x1 ones it would have 14.56 M. Layers that released
checkpoints hold and nothing runs are counted in the first two, as there. Transformers attend over disparities
(``bhld``) in all. ``teacher_alone`` is the teacher without prior and without those layers, with features of the same
widths. Needs ``max_disp`` (``../datasets/stereo.py``). The prior's weights are a local file:

  --cfg-options prior.checkpoint=depth_anything_v2_vitl.pth
"""

prior = dict(type='FrozenPrior', net=dict(type='DepthAnythingV2', size='large'), prefix='', checkpoint=None)
teacher = dict(
    type='StereoMatcher',
    max_disp='${max_disp}',
    iterations=32,
    train_iterations=22,
    prior='${prior}',
    feature=dict(type='StereoFeatureNet', backbone=dict(type='EdgeNeXt')),
    cost_volume=dict(type='HybridCostVolume'),
    cost_filter=dict(type='CostFilter', blocks='teacher'),
    context=dict(type='ContextNet', unused_layers=True),
    refiner=dict(type='SelectiveRefiner', levels=3, kernels=dict(motion=3)),
    upsampler=dict(type='ConvexUpsampler'),
    loss=dict(type='StereoSequenceLoss'),
    released_layout=True)
teacher_alone = {**teacher, 'prior': None, 'context': dict(type='ContextNet'), 'released_layout': False,
                 'feature': dict(type='StereoFeatureNet', backbone=dict(type='EdgeNeXt'), out_channels_4=224)}
skeleton = dict(
    type='StereoMatcher',
    max_disp='${max_disp}',
    iterations=8,
    feature=dict(type='StereoFeatureNet', backbone=dict(type='EdgeNeXt'), conv4='linear', out_channels_4=224),
    cost_volume=dict(type='HybridCostVolume'),
    cost_filter=dict(type='CostFilter', blocks='teacher'),
    context=dict(type='ContextHeads'),
    refiner=dict(type='SelectiveRefiner'),
    upsampler=dict(type='ConvexUpsampler'),
    loss=dict(type='StereoSequenceLoss'),
    released_layout=True)
student = {**skeleton, 'cost_filter': dict(type='CostFilter', blocks=dict(preset='released', attn_layout='bhld')),
           'refiner': dict(type='SelectiveRefiner', widths='released', kernels=dict(motion=3)),
           'released_layout': False}
