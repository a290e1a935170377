"""The camera-radar student of the simulated rig, trained longer than the demo's (see `recipe_sim.py`).

  python tools/infer.py configs/students/sim.py data/students/sim.pth data/sim --out predictions
"""

_base_ = ['../demo/sim_imkd.py']

max_epochs = 20
