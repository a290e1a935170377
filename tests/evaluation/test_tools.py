"""The command lines of conversion, testing and evaluation: what a person sees."""

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.evaluation.helpers import perfect_results, save
from tests.tiny_world import VERSION

ROOT = Path(__file__).parents[2]


def call(tool: str, *arguments: object) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / 'tools' / tool, *map(str, arguments)]
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)


def test_evaluate_prints_the_table_and_writes_the_summary(tiny_root, tmp_path):
    path = save(tmp_path / 'r.json', perfect_results(tiny_root, VERSION, 'tiny_val'))
    done = call('evaluate.py', 'nuscenes', path, '--root', tiny_root, '--version', VERSION,
                '--split', 'tiny_val', '--out', tmp_path / 'out', '--max-forward', 100)
    assert done.returncode == 0, done.stderr
    assert 'mAP over the 4 classes present 1.0000' in done.stdout and done.stderr == ''
    summary = json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())
    assert summary['mean_ap'] == pytest.approx(0.4) and summary['mean_ap_present'] == pytest.approx(1.0)


@pytest.mark.parametrize(('tool', 'arguments', 'message'), [
    ('evaluate.py', ['nuscenes', 'no.json', '--root', 'nowhere', '--version', 'v', '--split', 's'],
     'data root nowhere does not exist'),
    ('convert.py', ['astyx', '--root', 'nowhere', '--out', 'out'], 'Astyx folder nowhere does not exist'),
    ('test.py', ['no_config.py', 'no_weights.pth'], 'checkpoint no_weights.pth does not exist'),
])
def test_bad_paths_give_one_line(tool, arguments, message):
    done = call(tool, *arguments)
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr == f'error: {message}\n'


CONFIG = """
custom_imports = dict(imports=['tests.evaluation.echo_model'])
default_scope = 'perception_kd'
data_root = {root!r}
model = dict(type='EchoTruth')
test_dataloader = dict(
    batch_size=2, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='NuScenesRadarDataset', data_root=data_root, ann_file='nuscenes_infos_tiny_val.pkl',
                 test_mode=True,
                 pipeline=[dict(type='LoadBoxes3D'), dict(type='PackInputs', keys=['lidar_aug_matrix'])]))
test_evaluator = dict(type='NuScenesDetMetric', data_root=data_root, ann_file='nuscenes_infos_tiny_val.pkl',
                      modality=dict(use_camera=False, use_radar=False, use_external=True))
test_cfg = dict()
"""


def run_test(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr(sys, 'argv', ['test.py', *map(str, arguments)])
    return runpy.run_path(str(ROOT / 'tools' / 'test.py'))['main']()


def test_test_writes_results_and_metrics(tiny_root, tmp_path, monkeypatch):
    """From the loader through a checkpoint and the Runner to the official metrics."""
    config, checkpoint = tmp_path / 'echo.py', tmp_path / 'weights.pth'
    config.write_text(CONFIG.format(root=str(tiny_root)))
    torch.save({'state_dict': {'weight': torch.tensor(0.25)}}, checkpoint)
    assert run_test(monkeypatch, config, checkpoint, '--work-dir', tmp_path / 'out') == 0
    summary = json.loads((tmp_path / 'out' / 'metrics_summary.json').read_text())
    assert summary['mean_ap_present'] > 0.99 and summary['meta']['split'] == 'tiny_val'
    results = json.loads((tmp_path / 'out' / 'results_nusc.json').read_text())['results']
    assert {row['detection_score'] for rows in results.values() for row in rows} == {0.25}
    assert run_test(monkeypatch, config, checkpoint, '--work-dir', tmp_path / 'only', '--format-only') == 0
    assert (tmp_path / 'only' / 'results_nusc.json').read_text()
    assert not (tmp_path / 'only' / 'metrics_summary.json').exists()
