"""Folders like those that trainings, tests and comparisons leave, made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from perception_kd.evaluation.fast.evaluate import evaluate_fast
from perception_kd.files import write_bytes, write_json
from tests.evaluation.helpers import disturb, perfect_results
from tests.tiny_world import VERSION

SPLIT = 'tiny_train'
PAIRS = dict(radar=dict(teacher='lidar.bev_s8', student='radar_bev', loss=dict(type='MSE'), weight=0.3))


def student_config(root: Path, **more: Any) -> dict[str, Any]:
    """Of a bare student; tuples come back as lists."""
    return dict(dict(
        model=dict(type='CameraRadarDetector', cell=0.8, blocks=[1, 1]), data_root=str(root),
        train_dataloader=dict(batch_size=2, dataset=dict(pipeline=[dict(type='Load', sweeps=2), dict(type='Pack')])),
        test_evaluator=dict(type='NuScenesDetMetric', data_root=str(root), ann_file=f'nuscenes_infos_{SPLIT}.pkl'),
        train_cfg=dict(by_epoch=True, max_epochs=2), randomness=dict(seed=0)), **more)


def distiller_config(root: Path, teacher: Path) -> dict[str, Any]:
    """The same student under a teacher."""
    plain = student_config(root)
    model = dict(type='Distiller', student=dict(plain['model'], cell=0.4), pairs=PAIRS,
                 teachers=dict(lidar=dict(type='FrozenTeacher', checkpoint=str(teacher / 'last.pth'))))
    return dict(plain, model=model)


def log_rows(steps: range, per_epoch: int = 10, pairs: bool = False) -> list[dict[str, Any]]:
    """Entries of a training whose task loss is ``100 / step``; a pair adds 1."""
    return [{'lr': 0.1, 'loss': 100 / step + pairs, 'loss_depth': 60 / step, 'loss_box': 40 / step,
             **({'loss_distill.radar': 1.0, 'share.radar': 0.25, 'share.task': 0.75, 'weight.radar': 0.3,
                 'cover.radar': 0.5} if pairs else {}),
             'epoch': (step - 1) // per_epoch + 1, 'iter': step, 'step': step} for step in steps]


def write_training(folder: Path, config: dict[str, Any], rows: list[dict[str, Any]], stamp: str = '20250101_000000',
                   log: str = '') -> Path:
    """One beginning of a training; returns the folder of its log."""
    place = folder / stamp
    (place / 'vis_data').mkdir(parents=True)
    Config(config).dump(place / 'vis_data' / 'config.py')
    write_bytes(place / 'vis_data' / 'scalars.json', '\n'.join(map(json.dumps, rows)).encode())
    write_bytes(place / f'{stamp}.log', log.encode())
    return place


def write_scores(folder: Path, root: Path, *, seed: int | None, lidar: bool = False) -> Path:
    """Answers and metrics of a model; ``seed`` disturbs the perfect answers, None leaves them."""
    content = perfect_results(root, VERSION, SPLIT)
    content = content if seed is None else disturb(content, seed)
    content['meta'] = dict(use_camera=True, use_lidar=lidar, use_radar=True, use_map=False, use_external=False)
    write_json(folder / 'results_nusc.json', content)
    evaluate_fast(folder / 'results_nusc.json', root, VERSION, SPLIT, folder)
    return folder


def write_three(out: Path, root: Path) -> Path:
    """Teacher, student and distilled student in folders of their own."""
    for name, config, seed in (('teacher', student_config(root), None), ('student', student_config(root), 0),
                               ('kd', distiller_config(root, out / 'teacher'), 1)):
        write_training(out / name, config, log_rows(range(5, 25, 5), pairs=name == 'kd'))
        write_scores(out / name, root, seed=seed, lidar=seed is None)
    return out
