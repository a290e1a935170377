"""Distilling with a part of the labels by the command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.smoke.conftest import Tool


def test_training_says_how_much_is_annotated(tool: Tool, options: list[str], teacher: Path, tmp_path: Path) -> None:
    """Two annotated samples of six; with one sample a step, four of the six steps have no truth at all."""
    done = tool('train', 'configs/demo/sim_imkd_tenth.py', '--work-dir', tmp_path, '--cfg-options', *options,
                'batch_size=1', 'max_epochs=1', 'warmup_epochs=0.5', 'labelled.fraction=0.34',
                'imkd_pairs.lidar_response.loss.boxes=truth', 'custom_hooks.0.interval=3',
                'default_hooks.logger.interval=6', f'model.teachers.lidar.checkpoint={teacher}')
    assert done.returncode == 0, done.stderr[-2000:]
    assert '2 of 6 training samples annotated' in done.stdout + done.stderr
    log = [json.loads(line) for line in next(tmp_path.glob('*/vis_data/scalars.json')).read_text().splitlines()]
    assert abs(log[0]['annotated'] - 1 / 3) < 1e-4
    assert 1 <= log[0]['skipped.lidar_response'] <= 3 and 'skipped.lidar_to_fused' not in log[0]
    assert log[0]['loss'] > 0
