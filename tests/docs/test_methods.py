"""The page of methods names every method, every config and every pair with its taps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from perception_kd.engine.build import load_config

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / 'docs' / 'methods.md').read_text().split('## Teachers')[0]
ROWS = {name: line for line in PAGE.splitlines() if line.startswith('| `')
        for name in re.findall(r'`(\w+)`', line.split('|')[1])}
CONFIGS = sorted(path for folder in ('competitors', 'methods') for path in (ROOT / 'configs' / folder).glob('sim_*.py'))


def test_every_row_is_a_config_and_every_config_a_row() -> None:
    assert {path.stem.removeprefix('sim_') for path in CONFIGS} == set(ROWS)
    for path in CONFIGS:
        assert path.with_name(path.name.replace('sim_', 'r50_')).is_file() or path.stem == 'sim_imkd', path.name


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_a_row_names_its_pairs_and_their_taps(path: Path) -> None:
    row = ROWS[path.stem.removeprefix('sim_')]
    pairs = {name: pair for name, pair in load_config(path).model.pairs.items() if pair is not None}
    assert pairs
    for name, pair in pairs.items():
        assert f'`{name}`' in row, f'{path.stem} has a pair {name}'
        for taps in (pair.student, pair.teacher):
            for tap in [taps] if isinstance(taps, str) else taps:
                assert tap in row, f'{path.stem}: {name} reads {tap}'
