"""The teacher at paper scale without a monocular prior, on SceneFlow: it needs no weights of anybody."""

_base_ = ['../_base_/datasets/stereo_sceneflow.py', '../_base_/models/stereo_paper.py', '../_base_/evaluators/stereo.py',
          '../_base_/runtime/stereo_paper.py']

model = '${teacher_alone}'
