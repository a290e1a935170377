"""The teacher of the CPU track, size m at 320 px."""

_base_ = ['../../_base_/datasets/uav_cpu.py', '../../_base_/models/uav_320.py', '../../_base_/models/uav_m.py',
          '../../_base_/evaluators/uav.py', '../../_base_/runtime/uav_cpu.py']

learning_rate = 7e-4  # at 2e-3 so deep a model stays where it knows sizes alone
model = '${detector_m}'
