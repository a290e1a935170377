"""Teacher and student of the CPU track in order, each on simulated drones first, then on real pictures.

  python tools/simulate.py uav --out data/uav_sim --scenes 120
  python tools/convert.py uav-yolo --root DIR --out data/uav_real
  python tools/train.py configs/uav/recipe_cpu.py --amp bf16 --work-dir work_dirs/uav_cpu

Other folders: ``--cfg-options recipe.stages.2.options.data_root=...`` and so on; each stage has its own. The table is
of the real validation pictures.
"""

sim = dict(data_root='data/uav_sim')
real = dict(data_root='data/uav_real', test_ann='annotations/val.json')
recipe = dict(
    stages=[
        dict(name='teacher_sim', title='teacher, simulated', config='cpu/yolov5m_cbi.py',
             options=dict(**sim, max_epochs=4)),
        dict(name='teacher_sim_on', title='teacher, simulated, second cosine', config='cpu/yolov5m_cbi.py',
             loads=dict(load_from='teacher_sim'), options=dict(**sim, max_epochs=7)),
        dict(name='student_sim', title='student, simulated', config='cpu/yolov5n_cbi.py', options=sim),
        dict(name='teacher', config='cpu/yolov5m_cbi.py', loads=dict(load_from='teacher_sim_on'), options=real),
        dict(name='none', title='student', config='cpu/yolov5n_cbi.py', loads=dict(load_from='student_sim'),
             options=real),
        dict(name='student', title='student with R1', config='cpu/r1_response.py', loads=dict(load_from='student_sim'),
             teachers=dict(uav='teacher'), options=real),
    ],
    compare=['teacher', 'none', 'student'],
    columns={'AP50': 'AP50', 'AP': 'AP', 'AP small': 'AP_s', 'AP medium': 'AP_m', 'recall': 'recall',
             'false alarms': 'FPPI_negatives'})
