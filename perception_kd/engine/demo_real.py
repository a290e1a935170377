"""The same job on real sensors: Astyx HiRes 2019 (front camera, 16-beam LiDAR, 4D radar)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perception_kd.engine.closing_table import format_table
from perception_kd.engine.demo import ROOT, Run, model_stages, tool
from perception_kd.engine.recipe import Recipe, Stage

VERSION, SPLIT = 'v1.0-astyx', 'astyx_val'
SUBSETS: dict[str, dict[str, float]] = {
    'all': {}, 'x < 40 m': dict(max_forward=40.0), '>= 3 LiDAR points': dict(min_lidar_points=3)}

RUNS = (
    Run('teacher_lidar', 'the LiDAR teacher', ROOT / 'configs/demo/astyx_teacher.py'),
    Run('teacher_lidar_radar', 'the LiDAR + radar teacher', ROOT / 'configs/demo/astyx_teacher_radar.py'),
    Run('student', 'the camera-radar student', ROOT / 'configs/demo/astyx_student.py'),
    Run('student_imkd', 'the same student with IMKD', ROOT / 'configs/demo/astyx_imkd.py', ('lidar',)),
)


def build_demo(out: Path, logs: Path, seed: int, workers: int, options: dict[str, Any]) -> Recipe:
    """The Astyx demo as a recipe under ``out``; ``logs`` is the folder of the compact Astyx logs."""
    data, pictures = out / 'data', out / 'pictures'
    infos = data / f'nuscenes_infos_{SPLIT}.pkl'
    options = {'data_root': str(data), 'randomness.seed': seed, **options}
    stages = [
        Stage('convert', 'convert the Astyx logs',
              tool('convert', 'astyx', '--root', logs, '--out', data, '--force'),
              inputs=str(logs), outputs=(data / VERSION / 'sample.json',)),
        Stage('infos', 'prepare info files',
              tool('create_data', 'nuscenes', '--root', data, '--version', VERSION, '--workers', workers),
              after=('convert',), outputs=(infos,)),
    ]
    for run in RUNS:
        stages += model_stages(run, out, options, ('infos',))
    results = {run.name: out / run.name / 'results_nusc.json' for run in RUNS}
    scores = tuple(f'score_{run.name}' for run in RUNS)
    stages += [
        Stage('subsets', 'score subsets of the boxes', lambda: score_subsets(results, data), after=scores),
        Stage('picture', 'draw teacher beside students',
              tool('visualize', 'compare', '--infos', infos, '--root', data, '--sample', 20,
                   '--teacher', results['teacher_lidar'], '--student', results['student'],
                   '--student-kd', results['student_imkd'], '--out', pictures / 'compare.png'),
              after=scores, outputs=(pictures / 'compare.png',)),
    ]
    return Recipe(out, stages)


def score_subsets(results: dict[str, Path], data: Path) -> dict[str, dict[str, float]]:
    """Car AP of every model on every subset of :data:`SUBSETS`."""
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.subsets import BoxSubset

    return {name: {subset: evaluate_devkit(path, data, VERSION, SPLIT, box_filter=BoxSubset(**chosen))
                   ['mean_dist_aps']['car'] for subset, chosen in SUBSETS.items()}
            for name, path in results.items()}


def run(recipe: Recipe) -> str:
    """Run the recipe. Returns the closing text."""
    results = recipe.run()
    rows = [(run.title.removeprefix('the '), {**results[f'score_{run.name}'], **results['subsets'][run.name]})
            for run in RUNS]
    columns = [*((f'car AP, {subset}', subset) for subset in SUBSETS), ('mean AP, present', 'mAP_present'),
               ('car ATE', 'car_ATE'), ('car AOE', 'car_AOE')]
    return '\n'.join([
        '', f'Real sensors, Astyx {SPLIT}, scored by nuscenes-devkit:', '', format_table(rows, columns), '',
        'One seed. The LiDAR is the weaker sensor here (16 beams, few points beyond 30 m): read no',
        'conclusion about distillation from this table; docs/benchmarks.md says why.', '',
        f'metrics   {recipe.out}/*/metrics_summary.json',
        f'pictures  {recipe.out}/pictures/',
        f'time      {recipe.seconds / 60:.1f} min',
    ])
