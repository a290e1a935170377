"""The student at its published widths, trained from scratch on SceneFlow: what distillation is compared with."""

_base_ = ['./paper_teacher.py']

model = '${student}'
