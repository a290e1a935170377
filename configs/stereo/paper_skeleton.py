"""The student before blockwise search and pruning, on SceneFlow: the teacher's cost filter, a refinement of one level."""

_base_ = ['./paper_teacher.py']

model = '${skeleton}'
