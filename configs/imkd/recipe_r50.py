"""IMKD with the paper's ResNet-50 student on nuScenes: teacher, label encoder, student, distilled student, one table.

  torchrun --nproc_per_node 4 tools/train.py configs/imkd/recipe_r50.py --launcher pytorch --amp bf16
  srun --ntasks 8 --ntasks-per-node 4 --gpus-per-task 1 python tools/train.py configs/imkd/recipe_r50.py --launcher slurm

The voxel CenterPoint is trained from nothing; OpenMMLab's public checkpoint (``teacher_voxel.py`` names it) takes its
place with ``--cfg-options recipe.stages.0.checkpoint=FILE``. Everything else is as in ``recipe_r18.py``.

Expected, nuScenes val: student 56 NDS (CRN), with IMKD 61.0 NDS and 51.6 mAP (table of IMKD's README), tolerance 1.0,
with the published teacher. Cost: as ``recipe_r18.py``, with a larger student. Not yet run on nuScenes.
"""

recipe = dict(
    stages=[
        dict(name='lidar', title='voxel CenterPoint (LiDAR)', config='teacher_voxel.py'),
        dict(name='label', title='label encoder', config='label_encoder_voxel.py', teachers=dict(lidar='lidar'),
             options={'lidar_check.expected': None}),
        dict(name='student', title='student R50', config='student_r50_256x704.py'),
        dict(name='imkd', title='student R50 with IMKD', config='imkd_r50_256x704.py',
             teachers=dict(lidar='lidar', label='label'),
             options={'lidar_check.expected': None}),  # what is expected is that of the public checkpoint
    ],
    compare=['lidar', 'student', 'imkd'])
