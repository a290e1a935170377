"""The main model in size m: CBAM behind the backbone's last three stages, a third input in the neck. Needs ``uav.py``."""

detector_m = dict(
    type='UAVDetector',
    backbone=dict(type='CSPDarknetV5', depth=0.67, width=0.75, cbam_at=['bb3', 'bb4', 'bb5']),
    neck=dict(type='CBiPAFPN', depth=0.67, width=0.75, fusion='concat_skip'),
    head='${anchor_head}',
    test_cfg='${box_choice}')
