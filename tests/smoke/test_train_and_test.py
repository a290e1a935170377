"""Train, distil, resume, test, evaluate, export and draw by the command lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import torch

from tests.smoke.conftest import Tool, Tools
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


def test_results_metrics_pictures_and_export(tools: Tools, options: list[str], teacher: Path, student: Path,
                                             tiny_root: Path, tmp_path: Path) -> None:
    checkpoint, exported, results = student / 'epoch_1.pth', tmp_path / 'student.pth', tmp_path / 'results_nusc.json'
    settings = ['--cfg-options', *options, f'model.teachers.lidar.checkpoint={teacher}']
    tested, done = tools(['test', IMKD, checkpoint, '--work-dir', tmp_path, *settings],
                         ['export', IMKD, checkpoint, '--format', 'student', '--out', exported, *settings])
    assert tested.returncode == 0, tested.stderr[-2000:]
    assert done.returncode == 0, done.stderr
    summary, found = (json.loads((tmp_path / name).read_text()) for name in ('metrics_summary.json', results.name))
    assert len(found['results']) == 3
    keys = torch.load(exported, weights_only=True)['state_dict']
    assert keys and not any(key.startswith(('student.', 'pairs.', 'teachers.')) for key in keys)

    alone = {name: tmp_path / Path(name).stem for name in ('configs/demo/sim_student.py', IMKD)}
    pictures = {'scene': ['--results', results], 'compare': ['--student', results]}
    shown = ['--infos', tiny_root / 'nuscenes_infos_tiny_val.pkl', '--root', tiny_root, '--sample', 0]
    scored, *others = tools(
        ['evaluate', 'nuscenes', results, '--root', tiny_root, '--version', VERSION, '--split', 'tiny_val', '--out',
         tmp_path / 'again'],
        *(['test', name, exported, '--work-dir', folder, '--cfg-options', *options] for name, folder in alone.items()),
        *(['visualize', name, *shown, *more, '--out', tmp_path / f'{name}.png'] for name, more in pictures.items()))
    for ended in (scored, *others):
        assert ended.returncode == 0, ended.stderr[-2000:]
    again = json.loads((tmp_path / 'again' / 'metrics_summary.json').read_text())
    assert again['mean_ap'] == summary['mean_ap'] and again['nd_score'] == summary['nd_score']
    for folder in alone.values():
        assert json.loads((folder / results.name).read_text())['results'] == found['results']
    assert all((tmp_path / f'{name}.png').stat().st_size > 10_000 for name in pictures)
