"""Teachers that answer from the disk, where they have answered before. A config names them after its distiller::

  _base_ = ['./sim_imkd.py', '../_base_/distill/cached.py']
  bev_aug = dict(states='${kd_cache.states}')
  distiller = dict(teachers=dict(lidar=dict(type='CachedTeacher', cache='${caches.lidar}')))

``tools/cache_teachers.py CONFIG --plan`` says how much disk that takes, without ``--plan`` it fills the cache; training
fills what is missing. The map of a mirrored world is not the mirrored map, so augmentation of the BEV is limited::

  (default)                                         none
  kd_cache.states='${bev_states.flips}'             four states, each with entries of its own
  kd_cache.augmentation=live kd_cache.states=None   any; the teacher runs for augmented samples

``kd_cache.store=whole`` keeps maps whole, so that other pairs can read them later; ``kd_cache.dtype=float16`` halves
the size.
"""

bev_states = dict(
    off=[dict()],
    flips=[dict(), dict(flip_x=True), dict(flip_y=True), dict(flip_x=True, flip_y=True)])
kd_cache = dict(
    folder='work_dirs/teacher_cache', augmentation='states', states='${bev_states.off}', store='masked', dtype=None,
    max_bytes=None)
caches = dict(
    lidar=dict(
        reads=('points',), folder='${kd_cache.folder}', augmentation='${kd_cache.augmentation}',
        states='${kd_cache.states}', store='${kd_cache.store}', dtype='${kd_cache.dtype}',
        max_bytes='${kd_cache.max_bytes}'),
    label=dict(
        reads=('boxes',), folder='${kd_cache.folder}', augmentation='${kd_cache.augmentation}',
        states='${kd_cache.states}', store='${kd_cache.store}', dtype='${kd_cache.dtype}',
        max_bytes='${kd_cache.max_bytes}'))
