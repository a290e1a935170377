"""Pictures from kept runs alone: the numbers of the report, without its configs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from perception_kd.comparison.differences.kept import kept_rows

ROOT = Path(__file__).parents[3]
GRID = ROOT / 'docs' / 'benchmarks' / 'uav_grid'


def test_rows_are_those_of_the_kept_report():
    rows = {row.name: row for row in kept_rows(GRID, 'none', 'AP')}
    lines = (GRID / 'comparison.md').read_text().splitlines()
    told = {line.split('|')[1].strip(' *'): line for line in lines if line.startswith('| ')}
    assert set(rows) == {'d1', 'f1', 'f3', 'longer', 'plain', 'r1'}
    for name, row in rows.items():
        assert str(row.paired) in told[name] and len(row.paired.differences) == 3
    titled = kept_rows(GRID, 'none', 'AP', {'r1': 'responses', 'f1': 'f1'})
    assert [row.name for row in titled] == ['responses', 'f1'] and titled[0].paired == rows['r1'].paired


def test_intervals_over_frames_are_found(tmp_path):
    for path in GRID.glob('*-seed*.json'):
        shutil.copy(path, tmp_path)
    row = dict(method='r1', reference='none', metric='AP', over_frames=[0.01, 0.02])
    (tmp_path / 'intervals.json').write_text(json.dumps(
        dict(format='perception_kd comparison intervals 1', rows=[row, dict(row, metric='AP50', over_frames=[7, 8])])))
    found = {one.name: one.over_frames for one in kept_rows(tmp_path, 'none', 'AP')}
    assert found.pop('r1') == [0.01, 0.02] and set(found.values()) == {None}


def test_what_cannot_be_drawn_is_said_in_a_line(tmp_path):
    out = tmp_path / 'a.png'

    def run(*arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, 'tools/visualize.py', 'differences', *map(str, arguments), '--out', out],
                              cwd=ROOT, text=True, capture_output=True)

    (tmp_path / 'empty').mkdir()
    (tmp_path / 'damaged').mkdir()
    (tmp_path / 'damaged' / 'a-seed0.json').write_text('{')
    for arguments, message in (
            (('nowhere',), 'nowhere'), ((tmp_path / 'empty',), 'holds no run of tools/compare.py'),
            ((tmp_path / 'damaged',), 'is damaged'), ((GRID, '--metric', 'gold'), 'no method has gold'),
            ((GRID, '--reference', 'gold'), 'has no method gold; there are: d1'),
            ((GRID, '--metric', 'AP', '--methods', 'A=gold'), 'has no method gold')):
        done = run(*arguments)
        assert done.returncode != 0 and message in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert not out.exists()
    done = run(GRID, '--metric', 'AP', '--methods', 'R1=r1', 'f1')
    assert done.returncode == 0 and str(out) in done.stdout, done.stderr
    with Image.open(out) as picture:
        assert picture.width == 760


def test_runs_that_are_not_paired_are_refused(tmp_path):
    for name in ('none', 'r1'):
        content = json.loads((GRID / f'{name}-seed0.json').read_text())
        content['student_init'] = name
        (tmp_path / f'{name}-seed0.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match='not paired'):
        kept_rows(tmp_path, 'none', 'AP')
