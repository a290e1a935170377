"""The main model in size n: CBAM behind the backbone's last three stages, a third input in the neck. Needs ``uav.py``."""

detector_n = dict(
    type='UAVDetector',
    backbone=dict(type='CSPDarknetV5', depth=0.33, width=0.25, cbam_at=['bb3', 'bb4', 'bb5']),
    neck=dict(type='CBiPAFPN', depth=0.33, width=0.25, fusion='concat_skip'),
    head='${anchor_head}',
    test_cfg='${box_choice}')
