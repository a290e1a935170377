"""The main job end to end on the simulated world: data, teacher, two students, scores, pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from perception_kd.engine.closing_stages import Shown, closing_stages, report_line
from perception_kd.engine.closing_table import format_table
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.stages import RESULTS, Run, compare_stage, data_stages, model_stages, simulate_stage, tool

VERSION, SPLIT, SAMPLE, SCENE = 'v1.0-sim', 'sim_val', 4, 0
TITLE = 'From a LiDAR teacher into cameras and radars'
RUNS = (
    Run('teacher_lidar', 'LiDAR teacher', 'configs/demo/sim_teacher.py'),
    Run('student', 'camera-radar student', 'configs/demo/sim_student.py'),
    Run('student_imkd', 'student with IMKD', 'configs/demo/sim_imkd.py', (('lidar', 'teacher_lidar'),)),
)
COLUMNS = (('mean AP, present', 'mAP_present'), ('mAP', 'mAP'), ('NDS', 'NDS'), ('mATE', 'mATE'),
           ('mASE', 'mASE'), ('mAOE', 'mAOE'), ('mAVE', 'mAVE'), ('car AP', 'car_AP'),
           ('pedestrian AP', 'pedestrian_AP'))


def build_demo(out: Path, scenes: int, seed: int, workers: int, options: dict[str, Any]) -> Recipe:
    """The simulated demo as a recipe under ``out``."""
    data, scene = out / 'data', out / 'pictures' / 'scene.png'
    infos = data / f'nuscenes_infos_{SPLIT}.pkl'
    simulate = simulate_stage(data, VERSION, scenes, seed, workers)
    stages = data_stages(data, VERSION, infos, simulate, workers)
    for run in RUNS:
        stages += model_stages(run, out, {'data_root': str(data), 'randomness.seed': seed, **options})
    draw = tool('visualize', 'scene', '--infos', infos, '--root', data, '--sample', SAMPLE,
                '--results', out / RUNS[-1].name / RESULTS, '--out', scene)
    stages += [Stage('picture_scene', 'draw a scene', draw, inputs=SAMPLE, after=(f'score_{RUNS[-1].name}',),
                     outputs=(scene,)),
               compare_stage(out, data, infos, RUNS, SAMPLE)]
    shown = Shown(out, data, VERSION, SPLIT, *RUNS, scene=SCENE, sample=SAMPLE)
    return Recipe(out, stages + closing_stages(shown, RUNS, TITLE))


def run(recipe: Recipe) -> str:
    """Run the recipe. Returns the closing text."""
    results = recipe.run()
    rows = [(run.title, results[f'score_{run.name}']) for run in RUNS]
    return '\n'.join([
        '', f'Simulated world, split {SPLIT}, scored by nuscenes-devkit:', '', format_table(rows, COLUMNS), '',
        verdict(*(dict(metrics)['mAP_present'] for _, metrics in rows[1:])), '',
        f'metrics   {recipe.out}/*/metrics_summary.json',
        f'pictures  {recipe.out}/pictures',
        f'time      {recipe.seconds / 60:.1f} min',
        report_line(recipe)])


def verdict(without: float, with_distillation: float) -> str:
    """What came out, in words that claim no more than one short run can."""
    change = with_distillation - without
    word = 'higher' if change >= 0 else 'lower'
    return (f'With IMKD the student is {abs(change):.3f} {word} in mean AP over the classes present. This\n'
            'is one short run with one seed on a simulated world: it shows that the machinery works,\n'
            'not how much distillation pays.')
