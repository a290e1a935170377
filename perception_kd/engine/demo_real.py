"""The same job on real sensors: Astyx HiRes 2019 (front camera, 16-beam LiDAR, 4D radar)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perception_kd.engine.closing_stages import Shown, closing_stages, report_line
from perception_kd.engine.closing_table import format_table
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.stages import RESULTS, Run, compare_stage, data_stages, model_stages, tool

VERSION, SPLIT, SAMPLE = 'v1.0-astyx', 'astyx_val', 20
TITLE = 'From a LiDAR teacher into a camera and a radar, on real sensors'
SUBSETS: dict[str, dict[str, float]] = {
    'all': {}, 'x < 40 m': dict(max_forward=40.0), '>= 3 LiDAR points': dict(min_lidar_points=3)}
RUNS = (
    Run('teacher_lidar', 'LiDAR teacher', 'configs/demo/astyx_teacher.py'),
    Run('teacher_lidar_radar', 'LiDAR + radar teacher', 'configs/demo/astyx_teacher_radar.py'),
    Run('student', 'camera-radar student', 'configs/demo/astyx_student.py'),
    Run('student_imkd', 'student with IMKD', 'configs/demo/astyx_imkd.py',
        (('lidar', 'teacher_lidar'),)),
)


def build_demo(out: Path, logs: Path, seed: int, workers: int, options: dict[str, Any]) -> Recipe:
    """The Astyx demo as a recipe under ``out``; ``logs`` is the folder of the compact Astyx logs."""
    data = out / 'data'
    infos = data / f'nuscenes_infos_{SPLIT}.pkl'
    convert = Stage('convert', 'convert the Astyx logs',
                    tool('convert', 'astyx', '--root', logs, '--out', data, '--workers', workers, '--force'),
                    inputs=str(logs), outputs=(data / VERSION / 'sample.json',))
    stages = data_stages(data, VERSION, infos, convert, workers)
    for run in RUNS:
        stages += model_stages(run, out, {'data_root': str(data), 'randomness.seed': seed, **options})
    subsets = Stage('subsets', 'score subsets of the boxes', lambda: score_subsets(out, data),
                    after=tuple(f'score_{run.name}' for run in RUNS))
    stages += [subsets, compare_stage(out, data, infos, (RUNS[0], *RUNS[2:]), SAMPLE)]
    shown = Shown(out, data, VERSION, SPLIT, RUNS[0], *RUNS[2:], sample=SAMPLE)
    return Recipe(out, stages + closing_stages(shown, RUNS, TITLE))


def score_subsets(out: Path, data: Path) -> dict[str, dict[str, float]]:
    """Car AP of every model on every subset of :data:`SUBSETS`."""
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.subsets import BoxSubset

    def car_ap(run: Run, chosen: dict[str, float]) -> float:
        summary = evaluate_devkit(out / run.name / RESULTS, data, VERSION, SPLIT, box_filter=BoxSubset(**chosen))
        return summary['mean_dist_aps']['car']

    return {run.name: {name: car_ap(run, chosen) for name, chosen in SUBSETS.items()} for run in RUNS}


def run(recipe: Recipe) -> str:
    """Run the recipe. Returns the closing text."""
    results = recipe.run()
    rows = [(run.title, {**results[f'score_{run.name}'], **results['subsets'][run.name]}) for run in RUNS]
    columns = [*((f'car AP, {subset}', subset) for subset in SUBSETS), ('mean AP, present', 'mAP_present'),
               ('car ATE', 'car_ATE'), ('car AOE', 'car_AOE')]
    return '\n'.join([
        '', f'Real sensors, Astyx {SPLIT}, scored by nuscenes-devkit:', '', format_table(rows, columns), '',
        'One seed, and the LiDAR is the weaker sensor here (16 beams, few points beyond 30 m): read no',
        'conclusion about distillation from this table. docs/benchmarks.md says why.', '',
        f'metrics   {recipe.out}/*/metrics_summary.json',
        f'pictures  {recipe.out}/pictures',
        f'time      {recipe.seconds / 60:.1f} min',
        report_line(recipe)])
