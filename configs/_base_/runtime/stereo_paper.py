"""Training at paper scale, on GPUs: add ``--amp bf16``, and ``--sync-bn torch`` where there are several.

FoundationStereo's AdamW with 1e-4, the rest as a public reproduction on SceneFlow has it: a warm-up from a third,
cosine, gradients clipped value by value, 4 pairs on each GPU. Epochs are of SceneFlow's 70 908 pairs.
"""

_base_ = ['./default.py']

max_epochs = 10
learning_rate = 1e-4
warmup_iterations = 2000
clip_value = 0.01
param_scheduler = [
    dict(type='LinearLR', start_factor=1 / 3, begin=0, end='${warmup_iterations}', by_epoch=False),
    dict(type='CosineAnnealingLR', eta_min=1e-7, begin=0, end='${max_epochs}', by_epoch=True,
         convert_to_iter_based=True)]
optim_wrapper = dict(
    optimizer=dict(weight_decay=1e-5), clip_grad=dict(_delete_=True, type='value', clip_value='${clip_value}'))
