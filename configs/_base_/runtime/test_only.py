"""Scored with ``tools/test.py``, never trained."""

_base_ = ['./default.py']

train_cfg = None
optim_wrapper = None
param_scheduler = None
val_cfg = None
