"""Second half: the distilled student is trained end to end on true disparity, as the plain one is.

  --cfg-options load_from=work_dirs/small_distil/epoch_2.pth
"""

_base_ = ['./small_student.py']
