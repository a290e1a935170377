"""The small real-time student, trained from scratch on true disparity: what distillation is compared with."""

_base_ = ['../_base_/datasets/stereo.py', '../_base_/models/stereo_small_student.py', '../_base_/evaluators/stereo.py',
          '../_base_/runtime/stereo_small.py']

model = '${student}'
