"""Zero-shot scores of a trained student by the published protocol: python tools/test.py THIS CHECKPOINT

A teacher: --cfg-options 'model=${teacher_alone}', or 'model=${teacher}' with its prior.
"""

_base_ = ['../_base_/datasets/stereo_zero_shot.py', '../_base_/models/stereo_paper.py',
          '../_base_/evaluators/stereo_zero_shot.py', '../_base_/runtime/test_only.py']

model = '${student}'
max_disp = 416  # px, as the paper has it: Middlebury's halves need as many
