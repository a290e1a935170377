"""Blockwise search of the small skeleton's cost filter: the three blocks that take half of the whole model's time.

  python tools/search.py configs/compress/stereo_small_search.py work_dirs/small_skeleton/epoch_2.pth \\
      --work-dir work_dirs/stereo_search --sweep --cfg-options data_root=DIR

The grammar is lighter than the published one: the ``compact`` filter has planar and axial convolutions where that has
full ones. Candidates are scored on pairs of the validation split, which nothing is trained on.
"""

_base_ = ['../stereo/small_skeleton.py']

learning_rate = 1e-2  # rises and falls within a few hundred steps
filter_space = dict(
    type='StereoFilterSpace',
    blocks=['down8', 'up8', 'up4'],
    grammar=dict(
        layers=dict(
            conv=dict(channels=(0.5, 1), kernel=((1, 3, 3), (3, 1, 1), 1)),
            apc=dict(channels=(0.5, 1), axial=(3, 5, 9)),
            residual=dict(channels=(0.5, 1), kernel=((1, 3, 3), (3, 1, 1)))),
        down=dict(channels=(0.5, 1), kernel=(3, 2)),
        up=[dict(type='upsample')],
        excite=dict(hidden=(16,)),
        transformer=dict(layers=(0, 1, 2), ffn=(1, 2), heads=(2, 4), dropout=(0.0,))))
search = dict(
    space=filter_space,
    candidates=6,
    iterations=300,
    metric='simulated/BP-2_noc',
    better='lower',
    latency=dict(device='cpu', dtype='float32', threads=1),
    validation=dict(dataset=dict(count=24)))
