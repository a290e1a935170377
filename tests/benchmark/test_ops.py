"""The loops that the portable ops are timed against give the same results."""

import json
import runpy
import sys
from pathlib import Path

import pytest

from perception_kd.benchmark.ops import OpsCase, benchmark_ops

COLUMNS = {'hard voxels', 'dynamic voxels', 'rotated NMS, apart', 'rotated NMS, crowded', 'sampling',
           'sampling, training'}


@pytest.mark.parametrize('case', [OpsCase(points=300, boxes=60, cells=8), OpsCase(300, 60, 0.5, 1, 40, 8)])
def test_both_sides_agree(case):
    report = benchmark_ops(case, runs=2)
    assert set(report.columns) == COLUMNS
    for name, column in report.columns.items():
        assert max(column.max_difference.values()) <= (1e-5 if 'sampling' in name else 0)
    assert all(len(runs) == 2 for column in report.columns.values() for runs in column.seconds.values())


def test_command_line(tmp_path, monkeypatch, capsys):
    main = runpy.run_path(str(Path(__file__).parents[2] / 'tools' / 'benchmark.py'))['main']
    out = tmp_path / 'ops.json'
    small = ['--points', '50', '--boxes', '20', '--runs', '1']
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'ops', *small, '--json', str(out)])
    assert main() == 0
    assert 'rotated NMS, crowded' in capsys.readouterr().out
    assert set(json.loads(out.read_text())['ratio']) == COLUMNS
    monkeypatch.setattr(sys, 'argv', ['benchmark.py', 'ops', '--points', '0'])
    with pytest.raises(ValueError, match='--points and --boxes are 1 or more'):
        main()
