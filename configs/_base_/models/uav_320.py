"""``uav.py`` with anchors for inputs of 320 px, of teacher and student alike.

Fitted by ``tools/anchors.py --size 320`` to the drones of Svanström's training pictures and of 80 simulated sequences:
best possible recall 1, fitness 0.82 (of ``uav.py``'s: 0.75 and 0.40).
"""

_base_ = ['./uav.py']

anchors = [
    [[3.2, 2.6], [6.8, 2.5], [5.3, 3.9]],
    [[12.4, 5.1], [13.7, 10.3], [24.2, 7.5]],
    [[19.2, 13.4], [29.3, 12.3], [28.8, 20.6]]]
