"""Scores of stereo by the rules of the paper, in testing alone."""

test_evaluator = dict(type='StereoMetric', protocol='ffs')
