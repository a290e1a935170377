"""Blockwise search of the BEV trunk of the demo's camera-radar student, which is the teacher here.

  python tools/search.py configs/compress/sim_bev_search.py data/students/sim.pth --work-dir work_dirs/bev_search \\
      --sweep --cfg-options data_root=DIR

The last frames of the training scenes are held out to score candidates on: the demo's validation scenes are what its
students are tested on.
"""

_base_ = ['../demo/sim_student.py']

train_dataloader = dict(dataset=dict(labelled=None))  # a part of it is what is scored on
learning_rate = 1e-2  # rises and falls within a few hundred steps
search = dict(
    space=dict(type='BEVTrunkSpace', stages=[0, 1, 2]),
    candidates=6,
    iterations=200,
    metric='mAP_present',
    better='higher',
    latency=dict(device='cpu', dtype='float32', threads=1),
    validation=dict(count=24, seed=None, evaluator=dict(
        ann_file='${info_root}/nuscenes_infos_${train_split}.pkl', subset=True, engine='fast')))
