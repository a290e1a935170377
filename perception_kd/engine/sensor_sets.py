"""What does the simulated world teach? One detector for each set of sensors, in several worlds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

from perception_kd.engine.closing_table import format_table
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.stages import RESULTS, Run, data_stages, model_stages, simulate_stage

VERSION, SPLIT = 'v1.0-sim', 'sim_val'
REACH = 24.0
"""Boxes less than this far away along both axes lie inside the demo models' grid (m)."""
RUNS = (Run('radar', 'radar', 'configs/demo/sim_radar.py'), Run('camera', 'camera', 'configs/demo/sim_camera.py'),
        Run('camera_radar', 'camera-radar', 'configs/demo/sim_student.py'),
        Run('lidar', 'LiDAR', 'configs/demo/sim_teacher.py'))
ORDER = ('camera', 'camera_radar', 'lidar')
"""From the poorest to the richest; the claim under trial."""


def build_trial(out: Path, scenes: int, seed: int, epochs: int, workers: int, options: dict[str, Any]) -> Recipe:
    """One world, one training of each set of sensors with an equal number of epochs, as a recipe under ``out``."""
    data = out / 'data'
    simulate = simulate_stage(data, VERSION, scenes, seed, workers)
    stages = data_stages(data, VERSION, data / f'nuscenes_infos_{SPLIT}.pkl', simulate, workers)
    overrides = {'data_root': str(data), 'randomness.seed': seed, 'max_epochs': epochs, **options}
    for run in RUNS:
        stages += model_stages(run, out, overrides)
    after = tuple(f'score_{run.name}' for run in RUNS)
    return Recipe(out, [*stages, Stage('within_reach', f'score boxes within {REACH:g} m',
                                       lambda: {run.name: _within_reach(out, data, run) for run in RUNS}, after=after)])


def _within_reach(out: Path, data: Path, run: Run) -> float:
    from perception_kd.evaluation.nuscenes_official import evaluate_devkit
    from perception_kd.evaluation.subsets import BoxSubset

    summary = evaluate_devkit(out / run.name / RESULTS, data, VERSION, SPLIT, box_filter=BoxSubset(max_reach=REACH))
    return summary['mean_ap_present']


def collect(results: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    """Metrics of each set of sensors from the results of one recipe; ``mAP_reach`` is that within ``REACH``."""
    return {run.name: {**results[f'score_{run.name}'], 'mAP_reach': results['within_reach'][run.name]} for run in RUNS}


def in_order(metrics: Mapping[str, Mapping[str, float | None]], key: str = 'mAP') -> bool:
    """Whether camera alone is below camera-radar, and that below LiDAR."""
    values = [metrics[name][key] for name in ORDER]
    return values[0] < values[1] < values[2]


def report(worlds: Sequence[Mapping[str, Mapping[str, float | None]]]) -> str:
    """Mean over worlds with the spread (standard deviation) of mAP, and in how many worlds the order holds."""
    rows = []
    for run in RUNS:
        metrics = [world[run.name] for world in worlds]
        keys = [key for key in metrics[0] if all(entry.get(key) is not None for entry in metrics)]
        row = {key: mean(entry[key] for entry in metrics) for key in keys}
        row['spread'] = stdev(entry['mAP'] for entry in metrics) if len(metrics) > 1 else None
        rows.append((run.title, row))
    columns = [('mAP', 'mAP'), ('spread', 'spread'), (f'mAP within {REACH:g} m', 'mAP_reach'), ('NDS', 'NDS'),
               ('mATE', 'mATE'), ('mASE', 'mASE'), ('mAVE', 'mAVE'), ('car AP', 'car_AP'),
               ('pedestrian AP', 'pedestrian_AP')]
    held = sum(in_order(world) for world in worlds)
    return '\n'.join([format_table(rows, columns), '',
                      f'camera < camera-radar < LiDAR in mAP: {held} of {len(worlds)} worlds'])
