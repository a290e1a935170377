"""None, IMKD and every competitor, compared on the command line: five steps each on a simulated world."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from mmengine.registry import init_default_scope

from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.engine.build import load_config
from perception_kd.registry import MODELS
from perception_kd.simulation.writers.nuscenes import VERSION
from tests.smoke.conftest import ROOT, Tool, Tools

COMPETITORS = sorted((ROOT / 'configs' / 'competitors').glob('sim_*.py'))
NAMES = ['sim_student', *(path.stem for path in COMPETITORS)]
METHODS = {'bevdistill', 'crkd', 'feature_mse', 'imkd', 'labeldistill', 'unidistill', 'x3kd'}
STEPS = 5
TEACHERS = dict(lidar='sim_teacher', label='sim_label_encoder', lidar_camera='sim_teacher_lidar_camera')


@pytest.fixture(scope='module')
def infos(sim_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Info files of the simulated scenes."""
    out = tmp_path_factory.mktemp('infos')
    create_infos(InfoJob(root=sim_root, version=VERSION, out=out), echo=lambda line: None)
    return out


@pytest.fixture(scope='module')
def weights(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """``NAME=CHECKPOINT`` of teachers with random weights."""
    folder = tmp_path_factory.mktemp('weights')
    init_default_scope('perception_kd')
    torch.manual_seed(0)
    for name, config in TEACHERS.items():
        model = load_config(ROOT / 'configs' / 'demo' / f'{config}.py').model
        for teacher in model.get('teachers', {}).values():
            teacher.allow_random = True
        torch.save({'state_dict': MODELS.build(model).state_dict()}, folder / f'{name}.pth')
    return [f'{name}={folder}/{name}.pth' for name in TEACHERS]


def test_every_competitor_is_compared_with_none(tool: Tool, sim_root: Path, infos: Path, weights: list[str],
                                                tmp_path: Path) -> None:
    assert {path.stem.removeprefix('sim_') for path in COMPETITORS} == METHODS
    command = ['compare', 'configs/demo/sim_student.py', *COMPETITORS, '--out', tmp_path, '--jobs', 2,
               '--teacher', *weights, '--score-teacher', 'lidar=configs/demo/sim_teacher.py', '--subsets', 'lidar',
               '--cfg-options', f'data_root={sim_root}', f'info_root={infos}', 'max_epochs=1',
               'warmup_epochs=0.5', 'num_workers=0', 'final_size=[64,176]', 'test_dataloader.dataset.indices=2',
               'test_evaluator.subset=True']
    done = tool(*command)
    assert done.returncode == 0, done.stderr[-2000:]
    table = (tmp_path / 'comparison.md').read_text()
    assert table.strip() in done.stdout and 'One seed' in table and 'Simulated world' in table
    assert 'differences.png' in table and (tmp_path / 'differences.png').read_bytes().startswith(b'\x89PNG')
    runs = {name: json.loads((tmp_path / f'{name}-seed0.json').read_text()) for name in NAMES}
    rows = [line.split('|')[1].strip() for line in table.splitlines()[2:3 + len(NAMES)]]
    assert rows == ['teacher lidar', *NAMES] and 'LiDAR-visible' in table
    assert len({run['student_init'] for run in runs.values()}) == 1, 'all students began alike'
    for name, run in runs.items():
        assert run['metrics']['mAP'] is not None and run['subsets'] and not run['differs']
        checkpoint = torch.load(tmp_path / 'work' / f'{name}-seed0' / 'last.pth', weights_only=False)
        assert checkpoint['meta']['iter'] == STEPS, name
    trained = {name: learned(tmp_path / 'work' / f'{name}-seed0' / 'last.pth') for name in NAMES}
    for name in NAMES[1:]:
        assert not torch.equal(trained[name], trained['sim_student']), f'{name} moved the student'
    again = tool(*command, '--plan')
    assert f'{len(NAMES)} of {len(NAMES)} runs are finished' in again.stdout


def learned(path: Path) -> torch.Tensor:
    """A weight of the student that every method reaches."""
    weights = torch.load(path, weights_only=False)['state_dict']
    return next(value for key, value in weights.items() if key.endswith('head.shared_conv.conv.weight'))


def test_what_cannot_be_compared_is_one_line(tools: Tools, tmp_path: Path) -> None:
    cases = [
        (['configs/demo/sim_student.py', 'configs/demo/sim_imkd.py'], 'give --teacher lidar=CHECKPOINT'),
        (['configs/demo/sim_student.py', 'longer=configs/demo/sim_student.py@max_epochs=9'],
         'more than its distillation'),
        (['nowhere.py'], 'config nowhere.py does not exist'),
    ]
    ended = tools(*(['compare', *arguments, '--out', tmp_path / 'out'] for arguments, _ in cases))
    for done, (_, message) in zip(ended, cases):
        assert done.returncode == 1 and message in done.stderr and done.stderr.count('\n') == 1
    assert not (tmp_path / 'out').exists()
