"""The camera-radar student of the demo, trained on a tenth of the labels: the control of ``sim_imkd_tenth``.

Annotated frames alone, drawn again and again in the places of the others: as many steps, samples a step and epochs of
the schedule as with all frames. What it has not is what unlabelled frames bring, and it sees each label ten times as
often instead. A demo has eight drives, too few for a tenth of them; it takes single frames.
"""

_base_ = ['./sim_student.py']

labelled = dict(fraction=0.1, by='sample', others='repeat')
