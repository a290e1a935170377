"""Pruning of the CBi in size n: backbone and neck; then it is trained on.

  python tools/prune.py configs/compress/uav_prune.py work_dirs/n/epoch_300.pth --out work_dirs/uav_pruned
  python tools/train.py work_dirs/uav_pruned/pruned.py --work-dir work_dirs/uav_tuned
  python tools/test.py work_dirs/uav_pruned/pruned.py work_dirs/uav_tuned/epoch_50.pth

The maps that CBAM reads as a whole keep their width, and so do those that the head reads. A distillation takes the
slimmed student by ``detector_n.slimmed=work_dirs/uav_pruned/pruned.json``.
"""

_base_ = ['../uav/yolov5n_cbi.py', '../_base_/compress/traced_pruning.py']

prune = dict(parts=[['backbone', 'neck']], ratio=0.3, round_to=8)
max_epochs = 50
learning_rate = 2e-3
warmup_epochs = 1
