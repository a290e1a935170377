"""The main job end to end on the simulated world: data, teacher, two students, scores, pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from perception_kd.engine.closing_table import format_table
from perception_kd.engine.recipe import Recipe, Stage

ROOT = Path(__file__).resolve().parents[2]
VERSION = 'v1.0-sim'
COLUMNS = (('mean AP, present', 'mAP_present'), ('mAP', 'mAP'), ('NDS', 'NDS'), ('mATE', 'mATE'),
           ('mASE', 'mASE'), ('mAOE', 'mAOE'), ('mAVE', 'mAVE'), ('car AP', 'car_AP'),
           ('pedestrian AP', 'pedestrian_AP'))


@dataclass(frozen=True)
class Run:
    """One model of a demo: how it is called, and the config that trains it."""

    name: str
    title: str
    config: Path
    teachers: tuple[str, ...] = ()  # runs whose checkpoints its config needs, by teacher name in the config


def tool(name: str, *arguments: object) -> Callable[[], None]:
    """A command line of this project as a stage, in a process of its own (it may need Open3D or workers)."""
    def run() -> None:
        command = [sys.executable, str(ROOT / 'tools' / f'{name}.py'), *map(str, arguments)]
        done = subprocess.run(command, check=False)
        if done.returncode:
            raise ValueError(f'{" ".join(command[1:])} ended with status {done.returncode}')
    return run


def model_stages(run: Run, out: Path, options: dict[str, Any], below: tuple[str, ...]) -> list[Stage]:
    """Training and evaluation of one model as two stages.

    Args:
        run: The model.
        out: Folder of the demo; the model gets a folder of its own in it.
        options: Config overrides shared by all models (data root, schedule).
        below: Names of the stages that make the data.
    """
    from perception_kd.engine import stages

    folder = out / run.name
    overrides = dict(options)
    for teacher in run.teachers:
        overrides[f'model.teachers.{teacher}.checkpoint'] = str(out / f'teacher_{teacher}' / 'last.pth')
    inputs = stages.config_inputs(run.config, overrides)
    after = below + tuple(f'train_teacher_{teacher}' for teacher in run.teachers)
    last = folder / 'last.pth'

    def train() -> str:
        checkpoint = Path(stages.train(run.config, folder, overrides))
        last.unlink(missing_ok=True)
        last.symlink_to(checkpoint.name)
        return checkpoint.name

    return [
        Stage(f'train_{run.name}', f'train {run.title}', train, inputs=inputs, after=after, outputs=(last,)),
        Stage(f'score_{run.name}', f'score {run.title} by nuscenes-devkit',
              lambda: stages.evaluate(run.config, str(last), folder / 'test', folder, overrides),
              inputs=inputs, after=(f'train_{run.name}',), outputs=(folder / 'results_nusc.json',)),
    ]


RUNS = (
    Run('teacher_lidar', 'the LiDAR teacher', ROOT / 'configs/demo/sim_teacher.py'),
    Run('student', 'the camera-radar student', ROOT / 'configs/demo/sim_student.py'),
    Run('student_imkd', 'the same student with IMKD', ROOT / 'configs/demo/sim_imkd.py', ('lidar',)),
)


def build_demo(out: Path, scenes: int, seed: int, workers: int, options: dict[str, Any]) -> Recipe:
    """The simulated demo as a recipe under ``out``."""
    data, pictures = out / 'data', out / 'pictures'
    infos = data / 'nuscenes_infos_sim_val.pkl'
    options = {'data_root': str(data), 'randomness.seed': seed, **options}
    stages = [
        Stage('simulate', f'simulate {scenes} scenes',
              tool('simulate', 'nuscenes', '--out', data, '--scenes', scenes, '--seed', seed,
                   '--preset', 'tiny', '--workers', workers, '--force'),
              inputs=[scenes, seed], outputs=(data / VERSION / 'sample.json',)),
        Stage('infos', 'prepare info files',
              tool('create_data', 'nuscenes', '--root', data, '--version', VERSION, '--workers', workers),
              after=('simulate',), outputs=(infos,)),
    ]
    for run in RUNS:
        stages += model_stages(run, out, options, ('infos',))
    results = {run.name: out / run.name / 'results_nusc.json' for run in RUNS}
    scores = tuple(f'score_{run.name}' for run in RUNS)
    stages += [
        Stage('picture_scene', 'draw a scene',
              tool('visualize', 'scene', '--infos', infos, '--root', data, '--sample', 4,
                   '--results', results['student_imkd'], '--out', pictures / 'scene.png'),
              after=scores, outputs=(pictures / 'scene.png',)),
        Stage('picture_compare', 'draw teacher beside students',
              tool('visualize', 'compare', '--infos', infos, '--root', data, '--sample', 4,
                   '--teacher', results['teacher_lidar'], '--student', results['student'],
                   '--student-kd', results['student_imkd'], '--out', pictures / 'compare.png'),
              after=scores, outputs=(pictures / 'compare.png',)),
    ]
    return Recipe(out, stages)


def run(recipe: Recipe) -> str:
    """Run the recipe. Returns the closing text."""
    results = recipe.run()
    rows = [(run.title.removeprefix('the '), results[f'score_{run.name}']) for run in RUNS]
    return '\n'.join([
        '', 'Simulated world, split sim_val, scored by nuscenes-devkit:', '', format_table(rows, COLUMNS), '',
        verdict(*(dict(rows[i][1])['mAP_present'] for i in (1, 2))), '',
        f'metrics   {recipe.out}/*/metrics_summary.json',
        f'pictures  {recipe.out}/pictures/scene.png  {recipe.out}/pictures/compare.png',
        f'time      {recipe.seconds / 60:.1f} min',
    ])


def verdict(without: float, with_distillation: float) -> str:
    """What came out, in words that claim no more than one short run can."""
    change = with_distillation - without
    word = 'higher' if change > 0 else 'lower'
    return (f'With IMKD the student is {abs(change):.3f} {word} in mean AP over the classes present. This\n'
            'is one short run with one seed on a simulated world: it shows that the machinery works, not how\n'
            'much distillation pays.')
