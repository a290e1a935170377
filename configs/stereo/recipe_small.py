"""All of stereo distillation on simulated pairs, small enough for two cores: teacher, students, distilled student.

  python tools/simulate.py stereo --out data/stereo_sim --count 1000
  python tools/train.py configs/stereo/recipe_small.py

Add ``--amp bf16`` on a CPU with AMX, ``--cfg-options data_root=DIR`` for other pairs. ``student_long`` sees as many
pictures as both halves of distillation show together: what it gains over ``student`` is no gain of distillation.
An option such as ``max_epochs`` holds for every stage: give ``recipe.stages.2.options.max_epochs=N`` for that one alone.
"""

recipe = dict(
    stages=[
        dict(name='teacher', title='stereo teacher', config='small_teacher.py'),
        dict(name='student', title='student', config='small_student.py'),
        dict(name='student_long', title='student, two epochs more', config='small_student.py',
             options=dict(max_epochs=6)),
        dict(name='distil', title='student, its features distilled', config='small_distil.py',
             teachers=dict(stereo='teacher')),
        dict(name='tune', title='distilled student', config='small_tune.py', loads=dict(load_from='distil')),
    ],
    compare=['teacher', 'student', 'student_long', 'tune'],
    columns={'EPE px': 'simulated/EPE_noc', 'BP-1 %': 'simulated/BP-1_noc', 'BP-2 %': 'simulated/BP-2_noc',
             'BP-3 %': 'simulated/BP-3_noc', 'D1 %': 'simulated/D1_noc', 'EPE px, occluded too': 'simulated/EPE_all'})
