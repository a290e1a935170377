"""IMKD with a ResNet-18 student on nuScenes: teacher, label encoder, student alone, distilled student, one table.

  torchrun --nproc_per_node 4 tools/train.py configs/imkd/recipe_r18.py --launcher pytorch --amp bf16
  tools/train.py configs/imkd/recipe_r18.py --dry-run      # taps, pairs, shapes and memory of every stage, then stop

Interrupted, it goes on with the same command; what is finished is not done again; what was changed is. Products are
in work_dirs/recipe_r18/<stage>, the table in comparison.md beside them. Overrides reach every stage
(``--cfg-options data_root=DIR``). Weights that are there already take the place of a training:
``--cfg-options recipe.stages.0.checkpoint=FILE``.

Cost: 20 epochs of LiDAR, 12 of boxes, 2 x 24 of cameras and radar over 28,130 samples. Not yet run on nuScenes.
"""

recipe = dict(
    stages=[
        dict(name='lidar', title='pillar CenterPoint (LiDAR)', config='teacher_pillar.py'),
        dict(name='label', title='label encoder', config='label_encoder_pillar.py', teachers=dict(lidar='lidar')),
        dict(name='student', title='student R18', config='student_r18_256x704.py'),
        dict(name='imkd', title='student R18 with IMKD', config='imkd_r18_256x704.py',
             teachers=dict(lidar='lidar', label='label')),
    ],
    compare=['lidar', 'student', 'imkd'])
