"""Folders as trainings and tests of stereo leave them, made by hand: errors are the same at every pixel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from perception_kd.benchmark.stereo import Side, StereoCase, StereoReport
from perception_kd.evaluation.stereo.metric import write_metrics
from perception_kd.evaluation.stereo.pairs import PairSource, samples
from perception_kd.evaluation.stereo.predictions import pair_name, write_prediction
from perception_kd.evaluation.stereo.protocols import protocol_of
from perception_kd.evaluation.stereo.stored import score_folder
from perception_kd.files import write_json
from tests.evaluation.stereo.pair_folder import write_pairs
from tests.visualization.report.run_folders import log_rows, write_training

NAME, WORLD = 'dots', 'stereo-tiny-seed0-abc'
STUDENT = dict(type='StereoMatcher', feature=dict(width=8))
OFF = {'teacher': (0.4, 0.6), 'plain_0': (3.0, 1.0), 'plain_1': (5.0, 1.5), 'tune': (1.5, 2.5)}
"""px by which the disparity of ``lamp`` and ``vase`` is too large."""
SEEDS = {'plain_1': 1}
TOLD = dict(feature_s4=dict(teacher='stereo.feature_s4', student='feature_s4', loss=dict(type='MSE')))


def config_of(root: Path, model: dict[str, Any], seed: int = 0, **more: Any) -> dict[str, Any]:
    """Of a training that is tested on the pairs below ``root``."""
    steps = [dict(type='LoadStereoPair'), dict(type='LoadDisparity'), dict(type='PackStereoInputs')]
    dataset = dict(type='StereoDataset', data_root=str(root), layout='middlebury', split='train', name=NAME,
                   pipeline=steps, test_mode=True)
    return dict(dict(model=model, test_dataloader=dict(dataset=dataset), train_cfg=dict(max_epochs=2),
                     test_evaluator=dict(type='StereoMetric'), randomness=dict(seed=seed)), **more)


def write_test(folder: Path, root: Path, off: tuple[float, ...]) -> None:
    """Maps and figures in a folder, as ``tools/test.py`` leaves them."""
    dataset = PairSource(root=root, split='train', name=NAME).open()
    maps = folder / 'predictions' / NAME
    for sample, more in zip(samples(dataset), off):
        write_prediction(maps, pair_name(sample['left_path'], sample['scene']), sample['disp'] + np.float32(more))
    write_metrics(folder, [score_folder(maps, dataset, protocol_of(NAME))], 'ffs')


def write_runs(out: Path) -> Path:
    """Pairs, a teacher, plain students of two seeds, and both halves of a distillation; returns their folder."""
    root, runs = write_pairs(out / 'pairs'), out / 'runs'
    write_json(root / 'stereo_simulation.json', dict(stamp=WORLD))
    for name, off in OFF.items():
        model = dict(type='StereoMatcher', feature=dict(width=32)) if name == 'teacher' else STUDENT
        more = dict(load_from=str(runs / 'distil' / 'epoch_2.pth')) if name == 'tune' else {}
        config = config_of(root, model, SEEDS.get(name, 0), **more)
        write_training(runs / name, config, log_rows(range(5, 25, 5)))
        write_test(runs / name / 'test', root, off)
    teachers = dict(stereo=dict(type='FrozenTeacher', checkpoint=str(runs / 'teacher' / 'last.pth')))
    distiller = dict(type='Distiller', student=dict(STUDENT, stop_after='features'), pairs=TOLD, teachers=teachers)
    rows = [{'loss': 2.0, 'loss_distill.feature_s4': 2.0, 'share.feature_s4': 1.0, 'share.task': 0.0,
             'weight.feature_s4': 1.0, 'epoch': 2, 'iter': step, 'step': step} for step in (5, 10)]
    write_training(runs / 'distil', config_of(root, distiller, test_dataloader=None), rows)
    torch.save(dict(state_dict={'student.a.weight': torch.zeros(5, 7), 'student.norm.running_mean': torch.zeros(9),
                                'connector.weight': torch.zeros(100)}), runs / 'distil' / 'epoch_2.pth')
    (runs / 'distil' / 'last_checkpoint').write_text('epoch_2.pth')
    return runs


def write_benchmark(path: Path, checkpoint: Path, runs: int = 3) -> StereoReport:
    """Of a teacher with its weights, a student by its config, and SGBM; 2 s, 0.2 s and 0.04 s."""
    def side(total: float, about: dict[str, Any], **more: Any) -> Side:
        return Side(lambda: None, about, seconds={'features': [0.75 * total] * runs, 'total': [total] * runs}, **more)

    report = StereoReport(vars(StereoCase(size=(96, 192))), {
        'big': side(2.0, dict(config='big.py', checkpoint=str(checkpoint)), parameters=2000000,
                    macs=dict(total=20e9)),
        'config': side(0.2, dict(config='config.py', checkpoint=None), parameters=500000, macs=dict(total=1.5e9)),
        'SGBM': side(0.04, dict(settings={}, opencv='4.10'))})
    write_json(path, report.to_json())
    return report
