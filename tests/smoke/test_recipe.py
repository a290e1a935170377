"""A recipe on the command line: run, kill in the middle of a stage, run again, table."""

from __future__ import annotations

import json
from pathlib import Path

from perception_kd.engine.safe_checkpoint import read_checkpoint
from tests.smoke.conftest import ROOT, Tool, train_and_kill

RECIPE = f"""
recipe = dict(stages=[
    dict(name='lidar', title='LiDAR teacher', config='{ROOT}/configs/demo/sim_teacher.py'),
    dict(name='label', title='label encoder', config='{ROOT}/configs/demo/sim_label_encoder.py',
         teachers=dict(lidar='lidar')),
    dict(name='imkd', title='student with IMKD', config='{ROOT}/configs/demo/sim_imkd.py',
         teachers=dict(lidar='lidar'))], compare=['imkd'])
"""
SETTINGS = ('max_epochs=1', 'warmup_epochs=0.5', 'default_hooks.checkpoint.by_epoch=False',
            'default_hooks.checkpoint.max_keep_ckpts=-1')
STEPS = 3  # of an epoch


def test_a_killed_recipe_goes_on_and_ends_with_the_table(tool: Tool, options: list[str], tmp_path: Path) -> None:
    out, settings = tmp_path / 'out', ['--cfg-options', *options, *SETTINGS]
    config = tmp_path / 'recipe.py'
    config.write_text(RECIPE)
    train_and_kill(str(config), out, out / 'label' / 'last_checkpoint', *settings)
    assert set(json.loads((out / 'recipe.json').read_text())) == {'train_lidar'}
    begun = (out / 'label' / 'iter_1.pth').stat().st_mtime_ns
    done = tool('train', config, '--work-dir', out, *settings)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 'train LiDAR teacher: done before' in done.stdout and 'train label encoder ...' in done.stdout
    assert (out / 'label' / 'iter_1.pth').stat().st_mtime_ns == begun, 'the label encoder went on, not began again'
    assert read_checkpoint(out / 'label' / 'last.pth')['meta']['iter'] == STEPS
    table = (out / 'comparison.md').read_text()
    assert (out / 'report.html').is_file() and f'{out}/report.html' in done.stdout
    assert table in done.stdout and table.count('\n') == 3 and '| student with IMKD |' in table
    report = read_checkpoint(out / 'imkd' / 'last.pth')
    assert str(out / 'lidar' / 'last.pth') in report['meta']['cfg'] and report['ema']['updates'] == STEPS
