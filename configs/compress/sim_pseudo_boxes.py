"""The camera-radar student of the demo, trained on key frames of which a quarter is annotated; a teacher labels the rest.

  python tools/train.py configs/demo/sim_teacher.py --work-dir work_dirs/quarter/teacher \\
      --cfg-options labelled.fraction=0.25 labelled.others=repeat
  python tools/pseudo_label.py boxes configs/demo/sim_teacher.py work_dirs/quarter/teacher/epoch_12.pth \\
      nuscenes_infos_sim_train.pkl --out work_dirs/quarter/labels --labelled fraction=0.25
  python tools/train.py configs/compress/sim_pseudo_boxes.py

The control, which sees the annotated quarter alone in as many steps, is configs/demo/sim_student.py with
labelled.fraction=0.25 labelled.others=repeat. Both are scored on annotations: pseudo-labels are refused there.
"""

_base_ = ['../demo/sim_student.py']

pseudo_infos = 'work_dirs/quarter/labels/pseudo_infos_sim_train.pkl'
train_dataloader = dict(dataset=dict(ann_file='${pseudo_infos}'))
