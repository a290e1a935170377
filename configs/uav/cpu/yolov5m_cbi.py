"""The teacher of the CPU track, size m at 320 px."""

_base_ = ['../../_base_/datasets/uav_cpu.py', '../../_base_/models/uav_320.py', '../../_base_/models/uav_m.py',
          '../../_base_/evaluators/uav.py', '../../_base_/runtime/uav_cpu.py']

model = '${detector_m}'
