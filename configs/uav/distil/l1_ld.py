"""The student in size n under L1: edge distributions of the teacher in size m; both have a distribution head.

  --cfg-options model.teachers.uav.checkpoint=work_dirs/yolov5m_cbi_dfl/epoch_300.pth

Its control is ``configs/uav/yolov5n_cbi_dfl.py``.
"""

_base_ = ['../yolov5n_cbi_dfl.py', '../../_base_/models/uav_m.py', '../../_base_/distill/uav_l1.py']

detector_m = dict(head='${distribution_head}')
model = '${distiller}'
