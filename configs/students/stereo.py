"""The small stereo student that is kept in `data/students/stereo.pth`.

  python tools/infer.py configs/students/stereo.py data/students/stereo.pth left.png right.png --out DIR

Made on one core with AMX, the teacher in three runs (docs/benchmarks.md tells why, and what came out):

  python tools/simulate.py stereo --out data/stereo_sim --count 1200 --seed 100
  TRAIN="python tools/train.py --amp bf16 --work-dir work_dirs/kept"
  $TRAIN/a configs/stereo/small_teacher.py --cfg-options batch_size=2 max_epochs=2 model.train_iterations=4 \\
      learning_rate=1e-3
  $TRAIN/b configs/stereo/small_teacher.py --cfg-options batch_size=2 max_epochs=2 model.train_iterations=7 \\
      learning_rate=1e-3 randomness.seed=1 load_from=work_dirs/kept/a/epoch_2.pth
  $TRAIN/c configs/stereo/small_teacher.py --cfg-options batch_size=2 max_epochs=2 model.train_iterations=6 \\
      randomness.seed=2 load_from=work_dirs/kept/b/epoch_2.pth
  $TRAIN/features configs/stereo/small_distil.py --cfg-options batch_size=2 max_epochs=2 \\
      model.teachers.stereo.checkpoint=work_dirs/kept/c/epoch_2.pth
  $TRAIN/student configs/students/stereo.py --cfg-options load_from=work_dirs/kept/features/epoch_2.pth
  python tools/export.py configs/students/stereo.py work_dirs/kept/student/epoch_3.pth --half \\
      --out data/students/stereo.pth
"""

_base_ = ['../stereo/small_tune.py']

batch_size = 2
max_epochs = 3
