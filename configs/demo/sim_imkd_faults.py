"""``sim_imkd`` with a student whose cameras and radars fail now and then, and a teacher whose LiDAR does not.

Distillation from a sound to a faulty world: what the student no longer sees itself, the teacher still tells it. Compare
with ``sim_imkd`` by ``tools/robustness.py``. The teacher's checkpoint is given as there.
"""

_base_ = ['./sim_imkd.py', '../_base_/faults/camera_radar.py']

train_pipeline = ['${sensor_faults}', *_base_.train_pipeline]
