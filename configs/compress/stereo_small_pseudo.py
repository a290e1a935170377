"""The small student on true disparity of simulated pairs and on a teacher's of pairs that nobody measured.

  python tools/pseudo_label.py stereo configs/stereo/small_teacher.py teacher.pth left right --out work_dirs/pseudo
  python tools/train.py configs/compress/stereo_small_pseudo.py --cfg-options load_from=work_dirs/small_student/epoch_4.pth

Without ``load_from`` it begins anew (then ``--cfg-options max_epochs=4 learning_rate=2e-3``). ``pseudo_repeat`` says how
often an epoch shows each labelled pair, ``true_pairs`` how many of the simulated ones it shows (None: all).
"""

_base_ = ['../stereo/small_student.py']

pseudo_root, pseudo_list = 'work_dirs/pseudo', 'pairs.jsonl'
pseudo_repeat, true_pairs = 1, None
max_epochs = 1
learning_rate = 5e-4
one = dict(type='StereoDataset', pipeline='${train_pipeline}')
sets = [
    dict(**one, data_root='${data_root}', layout='${layout}', name='${dataset_name}', split='${train_split}', count='${true_pairs}'),
    dict(**one, data_root='${pseudo_root}', ann_file='${pseudo_list}', name='pseudo', repeat='${pseudo_repeat}'),
]
train_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets='${sets}'))
