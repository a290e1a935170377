"""Scores of drone detectors on the validation images, by sizes of the original pictures."""

val_evaluator = dict(type='UAVMetric', ann_file='${data_root}/${val_ann}')
test_evaluator = val_evaluator
