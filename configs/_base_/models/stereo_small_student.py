"""The small stereo student, real-time on a CPU. Needs ``max_disp`` (``../datasets/stereo.py``)."""

student = dict(
    type='StereoMatcher',
    max_disp='${max_disp}',
    iterations=4,
    feature=dict(
        type='StereoFeatureNet',
        backbone=dict(type='MobileBackbone', stem_channels=16, channels=(24, 32, 48, 64), depths=(1, 1, 2, 2),
                      expand=(2, 2, 2, 3), kinds=('fused', 'fused', 'fused', 'separable')),
        decoder_channels=(32, 48, 64), upsample='bilinear', join='conv', norm='batch', conv4='linear',
        out_channels_4=48),
    cost_volume=dict(type='HybridCostVolume', concat_channels=0),
    cost_filter=dict(type='CostFilter', blocks='compact'),
    context=dict(type='ContextHeads', squeeze_channels=4),
    refiner=dict(
        type='SelectiveRefiner', head_blocks=0, radius=3, kernels=dict(gru_input=1),
        widths=dict(motion_volume1=32, motion_volume2=16, motion_disparity1=16, motion_disparity2=16, motion=31,
                    context=32, hidden=32, gru_input=32, gru_joint=32, head=16, mask1=16, mask2=16, up_deconv=8,
                    stem1=8, stem2=8, up_conv=12)),
    upsampler=dict(type='ConvexUpsampler'),
    loss=dict(type='StereoSequenceLoss'))
