"""All of IMKD on the simulated world, small enough for two cores: teacher, label encoder, student, distilled student.

  python tools/train.py configs/demo/recipe_sim.py --cfg-options data_root=data/sim
"""

recipe = dict(
    stages=[
        dict(name='lidar', title='LiDAR teacher', config='sim_teacher.py'),
        dict(name='label', title='label encoder', config='sim_label_encoder.py', teachers=dict(lidar='lidar')),
        dict(name='student', title='camera-radar student', config='sim_crn_student.py'),
        dict(name='imkd', title='student with IMKD', config='sim_crn_imkd.py',
             teachers=dict(lidar='lidar', label='label')),
    ],
    compare=['lidar', 'student', 'imkd'])
