"""The small stereo teacher, its features tuned beside a frozen monocular prior (`small_mono.py` trains it)."""

_base_ = ['./small_teacher.py']

model = '${teacher}'
