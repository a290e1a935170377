"""IMKD with a tenth of the labels and all frames: the detection losses see the tenth, all pairs see every frame.

Teacher and student must know the same labels, else the hidden ones come back through the teacher::

  python tools/train.py configs/demo/sim_teacher.py --work-dir work_dirs/teacher_tenth \
      --cfg-options labelled.fraction=0.1 labelled.by=sample labelled.others=repeat
  python tools/train.py configs/demo/sim_imkd_tenth.py \
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/teacher_tenth/last.pth

(A teacher that was bought with all labels in it is another question, and the figure should say so.)

Controls, each with the same number of steps. ``sim_student_tenth.py``: nothing but the labelled frames. This config
with ``labelled.others=repeat``: the pairs, too, on the labelled frames alone, so that the difference is what the
unlabelled ones bring. ``sim_student.py`` with ``labelled.fraction=0.1 labelled.by=sample``: unlabelled frames, but no
teacher; depth from the LiDAR is learnt there, too, and would otherwise be counted as distillation.
"""

_base_ = ['./sim_imkd.py']

labelled = dict(fraction=0.1, by='sample')
