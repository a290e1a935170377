"""Runners that start in the same second keep their logs and histories apart."""

import re
from pathlib import Path

from torch import nn

from perception_kd.engine import runner as runner_module
from perception_kd.engine.runner import BriefRunner


def test_two_runners_of_one_second(tmp_path, monkeypatch):
    monkeypatch.setattr(runner_module, '_USED', {})
    monkeypatch.setattr('time.strftime', lambda *_: '20260101_000000')
    runs = [BriefRunner(model=nn.Linear(1, 1), work_dir=str(tmp_path / name), default_scope='perception_kd')
            for name in ('first', 'second')]
    for name, run in zip(('first', 'second'), runs):
        run.logger.info(f'written by the {name}')
        run.message_hub.update_info('who', name)
    assert [run.message_hub.get_info('who') for run in runs] == ['first', 'second']
    for name in ('first', 'second'):
        lines = log_lines(tmp_path / name)
        assert re.findall('written by the (.*)', lines) == [name]


def log_lines(folder: Path) -> str:
    (path,) = folder.rglob('*.log')
    return path.read_text()
