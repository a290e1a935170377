"""Train, distil, resume, test, evaluate, export and draw by the command lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch

from tests.smoke.conftest import Tool
from tests.tiny_world import VERSION

IMKD = 'configs/demo/sim_imkd.py'


def test_dry_run_shows_pairs_and_shapes(tool: Tool, options: list[str], teacher: Path, tmp_path: Path) -> None:
    done = tool('train', IMKD, '--dry-run', '--work-dir', tmp_path / 'none', '--cfg-options', *options,
                f'model.teachers.lidar.checkpoint={teacher}')
    assert done.returncode == 0, done.stderr
    for text in ('lidar_to_radar', 'lidar.bev_s8', 'fused_bev', 'loss_distill.lidar_response', 'peak memory'):
        assert text in done.stdout
    assert not (tmp_path / 'none').exists()


def test_resume_goes_on(tool: Tool, options: list[str], teacher: Path, student: Path) -> None:
    done = tool('train', IMKD, '--work-dir', student, '--resume', '--cfg-options', *options, 'max_epochs=2',
                'warmup_epochs=0.5', f'model.teachers.lidar.checkpoint={teacher}')
    assert done.returncode == 0, done.stderr[-2000:]
    epochs = re.findall(r'Epoch\(train\)\s+\[(\d+)]', done.stdout + done.stderr)
    assert set(epochs) == {'2'}
    assert (student / 'epoch_2.pth').is_file()


def test_results_metrics_pictures_and_export(tool: Tool, options: list[str], teacher: Path, student: Path,
                                             tiny_root: Path, tmp_path: Path) -> None:
    checkpoint = student / 'epoch_1.pth'
    teaches = f'model.teachers.lidar.checkpoint={teacher}'
    tested = tool('test', IMKD, checkpoint, '--work-dir', tmp_path, '--cfg-options', *options, teaches)
    assert tested.returncode == 0, tested.stderr[-2000:]
    results = tmp_path / 'results_nusc.json'
    summary = json.loads((tmp_path / 'metrics_summary.json').read_text())
    assert len(json.loads(results.read_text())['results']) == 3

    scored = tool('evaluate', 'nuscenes', results, '--root', tiny_root, '--version', VERSION, '--split', 'tiny_val',
                  '--out', tmp_path / 'again')
    assert scored.returncode == 0, scored.stderr
    again = json.loads((tmp_path / 'again' / 'metrics_summary.json').read_text())
    assert again['mean_ap'] == summary['mean_ap'] and again['nd_score'] == summary['nd_score']

    exported = tmp_path / 'student.pth'
    done = tool('export', IMKD, checkpoint, '--format', 'student', '--out', exported, '--cfg-options', *options,
                teaches)
    assert done.returncode == 0, done.stderr
    keys = torch.load(exported, weights_only=True)['state_dict']
    assert keys and not any(key.startswith(('student.', 'pairs.', 'teachers.')) for key in keys)
    for config in ('configs/demo/sim_student.py', IMKD):
        alone = tool('test', config, exported, '--work-dir', tmp_path / 'alone', '--cfg-options', *options)
        assert alone.returncode == 0, alone.stderr[-2000:]
        assert json.loads((tmp_path / 'alone' / 'results_nusc.json').read_text())['results'] == json.loads(
            results.read_text())['results']
        (tmp_path / 'alone' / 'results_nusc.json').unlink()

    infos = tiny_root / 'nuscenes_infos_tiny_val.pkl'
    for picture, arguments in (('scene', ['--results', results]), ('compare', ['--student', results])):
        out = tmp_path / f'{picture}.png'
        drawn = tool('visualize', picture, '--infos', infos, '--root', tiny_root, '--sample', 0, *arguments,
                     '--out', out)
        assert drawn.returncode == 0 and out.stat().st_size > 10_000, drawn.stderr
