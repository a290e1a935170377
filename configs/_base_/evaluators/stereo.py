"""Scores of stereo by the rules of the paper: visible pixels, mean over pictures."""

val_evaluator = dict(type='StereoMetric', protocol='ffs')
test_evaluator = val_evaluator
