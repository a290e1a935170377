"""The page "write your own pair in ten lines" does what it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from perception_kd.engine.build import load_config
from perception_kd.engine.dry_run import dry_run
from perception_kd.registry import DISTILL_LOSSES

ROOT = Path(__file__).parents[2]


def test_the_two_files_of_the_page_run(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                       capsys: pytest.CaptureFixture) -> None:
    loss, config = re.findall(r'```python\n(.*?)```', (ROOT / 'docs' / 'own_pair.md').read_text(), re.DOTALL)
    assert len(config.strip().splitlines() + loss[loss.index('@'):].strip().splitlines()) <= 12
    (tmp_path / 'my_pair.py').write_text(loss)
    monkeypatch.syspath_prepend(tmp_path)
    path = tmp_path / 'sim_cosine.py'
    path.write_text(config.replace('./sim_imkd.py', str(ROOT / 'configs/demo/sim_imkd.py')))
    try:
        dry_run(load_config(path, {'data_root': str(tiny_root), 'train_split': 'tiny_train', 'lidar_sweeps': 0,
                                   'batch_size': 2, 'model.teachers.lidar.allow_random': True}))
    finally:
        DISTILL_LOSSES.module_dict.pop('CosineDistance', None)
        sys.modules.pop('my_pair', None)
    shown = capsys.readouterr().out
    value = re.search(r'loss_distill\.cosine +([0-9.]+)', shown)
    assert value and 0 < float(value.group(1)) < 2
    assert 'lidar_to_radar' not in shown and 'CosineDistance' in shown
