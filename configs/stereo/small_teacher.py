"""The small stereo teacher, without a monocular prior."""

_base_ = ['../_base_/datasets/stereo.py', '../_base_/models/stereo_small_teacher.py', '../_base_/evaluators/stereo.py',
          '../_base_/runtime/stereo_small.py']

model = '${teacher_alone}'
max_epochs = 5
