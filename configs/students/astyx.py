"""The camera-radar student of the Astyx rig, taught by a teacher that sees LiDAR and radar (see `recipe_astyx.py`).

  python tools/infer.py configs/students/astyx.py data/students/astyx.pth data/astyx --out predictions
"""

_base_ = ['../demo/astyx_imkd.py']

teacher = dict(append_radar=True, divisors=[1, 1, 1, 255, 0.5, 50, 5, 5, 1])
