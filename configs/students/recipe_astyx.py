"""The small student that is kept in `data/students/astyx.pth`: LiDAR and radar teacher, then the student with IMKD.

  python tools/convert.py astyx --root DIR --out data/astyx
  python tools/create_data.py nuscenes --root data/astyx --version v1.0-astyx
  python tools/train.py configs/students/recipe_astyx.py --work-dir work_dirs/students_astyx \\
      --cfg-options data_root=data/astyx
  python tools/export.py configs/students/astyx.py work_dirs/students_astyx/student/last.pth --half \\
      --out data/students/astyx.pth
"""

recipe = dict(
    stages=[
        dict(name='teacher', title='LiDAR and radar teacher', config='../demo/astyx_teacher_radar.py'),
        dict(name='student', title='camera-radar student with IMKD', config='astyx.py',
             teachers=dict(lidar='teacher')),
    ],
    compare=['teacher', 'student'])
