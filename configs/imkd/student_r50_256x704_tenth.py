"""``student_r50_256x704`` on a tenth of the drives, as many steps as with all: the control of ``imkd_r50_256x704_tenth``.

The frames of the tenth stand in for the others, so that an epoch stays as long; each label is seen ten times as often.
"""

_base_ = ['./student_r50_256x704.py']

labelled = dict(fraction=0.1, others='repeat')
