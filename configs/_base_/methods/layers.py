"""Layer matching (arXiv 2502.04499, Findings of IJCNLP-AACL 2025): does it matter which layer teaches which?

Needs a rig, a ``student`` and a LiDAR ``teacher`` (``../models``). One matcher, three pairs (``layers_0``,
``layers_1``, ``layers_2``, from the student's shallow end)::

  layers   weight sum_i mean_x mean_c (A_i h_S^i - nu(h_T^pi(i)))^2      h_S: merged_bev, trunk_s16, trunk_bev
                                                                         h_T: bev_s8, bev_s16, neck_bev

``layers_strategy`` is pi: ``forward`` (1 2 3), ``reverse`` (3 2 1), ``all_to_one`` (3 3 3) or ``random``
(``layers_seed`` 1: 2 3 1). ``A_i``: 1x1 convolution, after resampling where grids differ; ``nu``: divided by the RMS
of the sample (ours; so one weight suits all layers). Published, on language models: weight 1, all strategies about
equally good, and better than none. The claim as an experiment::

  python tools/compare.py configs/demo/sim_student.py configs/methods/sim_layers_*.py --out work_dirs/layers \
      --seeds 0 1 2 --teacher lidar=work_dirs/demo/teacher_lidar/last.pth

The claim is about layers of equal resolution. Here ``forward`` and ``reverse`` keep equal strides together, for the
neck has that of the first layer: between these two the order alone differs, in the other two the resolution as well.
LEFT OUT: logit KL, which is a method of its own (``hinton.py``).
"""

_base_ = ['../distill/distiller.py']

layers_strategy = 'forward'
layers_seed = 1  # 0 would leave the first layer where it is
layers_weight = 0.3
kd_pairs = dict(layers=dict(
    type='LayerMatch', student=['merged_bev', 'trunk_s16', 'trunk_bev'],
    teacher=['lidar.bev_s8', 'lidar.bev_s16', 'lidar.neck_bev'],
    strategy='${layers_strategy}', seed='${layers_seed}', connector='Conv1x1', loss=dict(type='MSE', normalise='rms'),
    weight='${layers_weight}'))
