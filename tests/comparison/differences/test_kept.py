"""Pictures from kept runs alone: the numbers of the report, without its configs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from PIL import Image

from perception_kd.comparison.differences.kept import kept_rows

ROOT = Path(__file__).parents[3]
GRID = ROOT / 'docs' / 'benchmarks' / 'uav_grid'


def test_rows_are_those_of_the_kept_report():
    rows = {row.name: row for row in kept_rows(GRID, 'none', 'AP')[1]}
    lines = (GRID / 'comparison.md').read_text().splitlines()
    told = {line.split('|')[1].strip(' *'): line for line in lines if line.startswith('| ')}
    assert set(rows) == {'d1', 'f1', 'f3', 'longer', 'plain', 'r1'}
    for name, row in rows.items():
        assert str(row.paired) in told[name] and len(row.paired.differences) == 3
    titled = kept_rows(GRID, 'none', 'AP', {'r1': 'responses', 'f1': 'f1'})[1]
    assert [row.name for row in titled] == ['responses', 'f1'] and titled[0].paired == rows['r1'].paired


def copied(folder: Path, *names: str, **changes: object) -> Path:
    """Runs of some methods; ``changes`` are of the last one."""
    for name in names:
        for path in GRID.glob(f'{name}-seed*.json'):
            content = json.loads(path.read_text())
            (folder / path.name).write_text(json.dumps({**content, **changes} if name == names[-1] else content))
    return folder


def test_intervals_over_frames_count_where_they_are_of_these_runs(tmp_path):
    copied(tmp_path, 'none', 'f1', 'r1')
    mean = {row.name: row.paired.mean for row in kept_rows(tmp_path, 'none', 'AP')[1]}
    row = dict(method='r1', reference='none', metric='AP', over_frames=[0.01, 0.02], seeds=[0, 1, 2],
               difference=mean['r1'])
    for changes, expected in (({}, [0.01, 0.02]), (dict(difference=0.55), None), (dict(seeds=[0]), None),
                              (dict(metric='AP50'), None), (dict(over_frames=None), None)):
        (tmp_path / 'intervals.json').write_text(json.dumps(
            dict(format='perception_kd comparison intervals 1', rows=[{**row, **changes}, dict(method='f1')])))
        found = {one.name: one.over_frames for one in kept_rows(tmp_path, 'none', 'AP')[1]}
        assert found == dict(r1=expected, f1=None), changes


def test_a_method_of_other_steps_has_a_star():
    assert {row.name for row in kept_rows(GRID, 'none', 'AP')[1] if row.differs} == {'longer', 'plain'}


def run(*arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, 'tools/visualize.py', 'differences', *map(str, arguments)], cwd=ROOT,
                          text=True, capture_output=True)


def test_what_cannot_be_drawn_is_said_in_a_line(tmp_path):
    out, folders = tmp_path / 'a.png', {}
    for name in ('empty', 'damaged', 'world', 'labels', 'start', 'nan', 'bare', 'text'):
        folders[name] = tmp_path / name
        folders[name].mkdir()
    (folders['damaged'] / 'a-seed0.json').write_text('{')
    copied(folders['world'], 'none', 'r1', world='another')
    copied(folders['labels'], 'none', 'r1', labels='a tenth')
    copied(folders['start'], 'none', 'r1', student_init='elsewhere')
    copied(folders['nan'], 'none', 'r1', metrics=dict(AP=float('nan')))
    copied(folders['bare'], 'none', 'r1', differs=None)
    copied(folders['text'], 'none', 'r1', metrics=dict(AP='gold'))
    for arguments, message in (
            (('nowhere',), 'nowhere'), ((folders['empty'],), 'holds no run of tools/compare.py'),
            ((folders['damaged'],), 'is damaged'), ((folders['bare'],), 'r1-seed0.json is damaged'),
            ((folders['text'],), 'r1-seed0.json is damaged'),
            ((folders['world'],), 'several simulated worlds and must not be compared'),
            ((folders['labels'],), 'several sets of labels'), ((folders['start'],), 'not paired'),
            ((folders['nan'],), 'r1 has no AP to compare with that of none'),
            ((GRID, '--metric', 'gold'), 'has no gold to compare'),
            ((GRID, '--reference', 'gold'), 'has no method gold; there are: d1'),
            ((GRID, '--methods', 'A=gold'), 'has no method gold'), ((GRID, '--methods', 'none'), 'is the reference'),
            ((GRID, '--methods', 'A=r1', 'B=r1'), 'names a method twice')):
        done = run(*arguments, '--out', out)
        assert done.returncode != 0 and message in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr
        assert not out.exists()


def test_command_line(tmp_path):
    done = run(GRID, '--reference', 'student alone=none', '--methods', 'R1=r1', 'f1', '--out', tmp_path / 'a.png')
    assert done.returncode == 0 and 'a.png (760 x' in done.stdout, done.stderr
    with Image.open(tmp_path / 'a.png') as picture:
        assert picture.width == 760
