"""The camera-radar student of the Astyx rig, taught by a teacher that sees LiDAR and radar (see `recipe_astyx.py`).

  python tools/infer.py configs/students/astyx.py data/students/astyx.pth data/astyx --out predictions
"""

_base_ = ['../demo/astyx_imkd.py']

teacher = dict(append_radar=True, divisors='${lidar_radar_divisors}')
