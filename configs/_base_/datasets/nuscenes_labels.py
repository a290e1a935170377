"""Annotated boxes alone, for the label encoder, on any nuScenes-format root. Needs a rig (``../rigs``).

Testing loads the boxes too: the label encoder reads nothing else, and what comes out is an upper bound.
"""

_base_ = ['./loaders.py']

modality = dict(use_camera=False, use_lidar=False, use_radar=False, use_map=False, use_external=True)

to_bev_frame = dict(type='ToBEVFrame', frame='${bev_frame}')
pack_labels = dict(type='PackInputs', keys=())
train_pipeline = [dict(type='LoadBoxes3D'), to_bev_frame, '${bev_aug}', '${box_filter}', pack_labels]
test_pipeline = [dict(type='LoadBoxes3D'), to_bev_frame, pack_labels]
train_dataloader = dict(dataset=dict(cameras=[], radars=[]))
val_dataloader = dict(dataset=dict(cameras=[], radars=[]))
test_dataloader = dict(dataset=dict(cameras=[], radars=[]))
