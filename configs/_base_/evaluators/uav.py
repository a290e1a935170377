"""Scores of drone detectors, by sizes in the original pictures. Needs what ``../datasets/uav.py`` defines."""

val_evaluator = dict(type='UAVMetric', ann_file='${data_root}/${val_ann}', layout='${layout}')
test_evaluator = dict(type='UAVMetric', ann_file='${data_root}/${test_ann}', layout='${layout}')
