"""Blockwise search at paper scale, on a GPU: all eight blocks of the teacher's cost filter, by the published grammar.

  python tools/search.py configs/compress/stereo_paper_search.py work_dirs/paper_teacher/epoch_10.pth \\
      --work-dir work_dirs/paper_search --amp bf16 --sweep

Fast-FoundationStereo trained 2584 candidates; length and batch of that are not published. Candidates are trained on
the final rendering of FlyingThings3D and scored on its last pairs, which they do not see: never on a benchmark that the
student is tested on without training. The choice goes into the student's skeleton as well
(``configs/stereo/paper_skeleton.py``), whose cost filter is the teacher's. All candidates of a block are in memory at
once; fewer of them, or pairs, need less.
"""

_base_ = ['../stereo/paper_teacher.py']

batch_size = 2
learning_rate = 1e-3  # fresh layers, a short training
train_dataloader = dict(dataset=dict(
    _delete_=True, type='StereoDataset', layout='sceneflow', data_root='${data_root}/FlyingThings3D', split='TRAIN',
    name='flyingthings3d', select=dict(render=['frames_finalpass']), pipeline='${train_pipeline}'))
search = dict(
    space=dict(type='StereoFilterSpace'),
    candidates=24,
    iterations=5000,
    metric='flyingthings3d/BP-2_all',
    better='lower',
    latency=dict(device='cuda', dtype='fp16', size=(480, 640), runs=200, warm_up=50),
    validation=dict(count=200, seed=None))
