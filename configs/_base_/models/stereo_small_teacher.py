"""The small stereo teacher, which two CPU cores train; ``teacher_alone`` does without the monocular prior.

Needs ``max_disp`` (``../datasets/stereo.py``).
"""

_base_ = ['./mono_small.py']

teacher_alone = dict(
    type='StereoMatcher',
    max_disp='${max_disp}',
    iterations=22,
    train_iterations=6,
    feature=dict(
        type='StereoFeatureNet',
        backbone=dict(type='EdgeNeXt', channels=(24, 48, 64, 96), depths=(2, 2, 4, 2), heads=(4, 4, 4, 4),
                      layer_scale=0.1),
        decoder_channels=(64, 64, 96), upsample='bilinear', join='conv'),
    cost_volume=dict(type='HybridCostVolume', concat_channels=8),
    cost_filter=dict(
        type='CostFilter', blocks=dict(preset='compact', widths=(16, 32, 48, 64), transformer_layers=2)),
    context=dict(type='ContextNet', channels=(24, 32, 40), strides=(2, 1, 2, 1), squeeze_channels=4),
    refiner=dict(
        type='SelectiveRefiner', levels=3, head_blocks=1, layer_scale=0.1,
        widths=dict(motion_volume1=48, motion_volume2=48, motion_disparity1=24, motion_disparity2=24, motion=47,
                    context=40, hidden=40, gru_input=56, gru_joint=80, gru8_input=56, gru8_joint=72, gru16_input=48,
                    gru16_joint=64, head=48, head_expand1=96, mask1=32, mask2=24, up_deconv=24, stem1=16, stem2=24,
                    up_conv=32)),
    upsampler=dict(type='ConvexUpsampler'),
    loss=dict(type='StereoSequenceLoss'))
teacher = dict(**teacher_alone, prior='${mono_prior}')
