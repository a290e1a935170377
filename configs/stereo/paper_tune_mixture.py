"""Last stage: the tuned student goes on, slowly, on synthetic and real sets together.

  --cfg-options load_from=work_dirs/paper_tune/epoch_10.pth
"""

_base_ = ['../_base_/datasets/stereo_mixture.py', '../_base_/models/stereo_paper.py', '../_base_/evaluators/stereo.py',
          '../_base_/runtime/stereo_paper.py']

model = '${student}'
max_epochs = 1
learning_rate = 1e-5
