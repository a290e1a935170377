"""The small student that is kept in `data/students/sim.pth`: LiDAR teacher, then the student with IMKD's LiDAR terms.

  python tools/simulate.py nuscenes --out data/sim48 --scenes 48 --seed 100 --preset tiny
  python tools/create_data.py nuscenes --root data/sim48 --version v1.0-sim
  python tools/train.py configs/students/recipe_sim.py --work-dir work_dirs/students_sim \\
      --cfg-options data_root=data/sim48
  python tools/export.py configs/students/sim.py work_dirs/students_sim/student/last.pth --half \\
      --out data/students/sim.pth
"""

recipe = dict(
    stages=[
        dict(name='teacher', title='LiDAR teacher', config='../demo/sim_teacher.py'),
        dict(name='student', title='camera-radar student with IMKD', config='sim.py', teachers=dict(lidar='teacher')),
    ],
    compare=['teacher', 'student'])
