"""The student of the CPU track, size n at 320 px, from scratch on true boxes: what distillation is compared with."""

_base_ = ['../../_base_/datasets/uav_cpu.py', '../../_base_/models/uav_320.py', '../../_base_/models/uav_n.py',
          '../../_base_/evaluators/uav.py', '../../_base_/runtime/uav_cpu.py']

model = '${detector_n}'
