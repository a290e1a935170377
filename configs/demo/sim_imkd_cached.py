"""``sim_imkd`` with a LiDAR teacher that answers from the disk; the BEV is not augmented (``_base_/distill/cached``).

The first epoch fills the cache, or before it, with the same options:
  python tools/cache_teachers.py configs/demo/sim_imkd_cached.py \\
      --cfg-options model.teachers.lidar.checkpoint=work_dirs/demo/teacher_lidar/last.pth
"""

_base_ = ['./sim_imkd.py', '../_base_/distill/cached.py']

bev_aug = dict(states='${kd_cache.states}')
distiller = dict(teachers=dict(lidar=dict(type='CachedTeacher', cache='${caches.lidar}')))
