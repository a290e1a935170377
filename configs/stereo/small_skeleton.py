"""What compression of the small family begins with: the student's features, a wide filter and a wide refinement.

Blockwise search makes its filter faster, pruning its refinement narrower (docs/compression.md); the features may come distilled:

  --cfg-options load_from=work_dirs/small_distil/epoch_2.pth
"""

_base_ = ['./small_student.py']

student = dict(
    cost_filter=dict(blocks=dict(_delete_=True, preset='compact', widths=(16, 32, 48, 64), transformer_layers=2)),
    refiner=dict(widths=dict(
        motion_volume1=64, motion_volume2=32, motion_disparity1=32, motion_disparity2=32, motion=63, context=64, hidden=64,
        gru_input=64, gru_joint=64, head=32, mask1=32, mask2=32, up_deconv=16, stem1=16, stem2=16, up_conv=24)))
