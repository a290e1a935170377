"""The small monocular net, trained from scratch on the left pictures: the prior of the small teacher.

0.34 M parameters; 1000 pairs take some ten minutes on two cores. ``mono/correlation`` of the validation says how well
it orders what is near and far: 1 is perfect, 0 is chance.
"""

_base_ = ['../_base_/datasets/stereo.py', '../_base_/models/mono_small.py', '../_base_/runtime/stereo_small.py']

model = dict(type='MonoEstimator', net='${mono_net}', loss=dict(type='ScaleShiftLoss'))
batch_size = 8
max_epochs = 8
learning_rate = 2e-3
val_evaluator = dict(type='RelativeDepthMetric')
test_evaluator = val_evaluator
