"""Second half at paper scale: the distilled student is trained end to end on SceneFlow, as the plain one is.

  --cfg-options load_from=work_dirs/paper_distil/epoch_5.pth
"""

_base_ = ['./paper_student.py']
