"""``sim_crn_imkd`` with LiDAR and label teachers that answer from the disk; the BEV is not augmented.

See ``sim_imkd_cached.py`` and ``_base_/distill/cached.py``.
"""

_base_ = ['./sim_crn_imkd.py', '../_base_/distill/cached.py']

bev_aug = dict(states='${kd_cache.states}')
distiller = dict(teachers=dict(lidar=dict(type='CachedTeacher', cache='${caches.lidar}')))
label_teacher = dict(type='CachedTeacher', cache='${caches.label}')
