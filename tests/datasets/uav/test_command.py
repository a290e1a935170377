"""The command line: what it prints, its exit status, and its one line on mistakes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from perception_kd.datasets.uav.command import add_uav, run_uav
from perception_kd.datasets.uav.formats import FORMATS
from tests.datasets.uav.worlds import WORLDS

ROOT = Path(__file__).parents[3]


def run(*words: object) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    parsers = parser.add_subparsers(dest='source', required=True)
    add_uav(parsers)
    options = vars(parser.parse_args([str(word) for word in words]))
    return run_uav(options.pop('source'), options)


@pytest.mark.parametrize('name', FORMATS)
def test_every_format_has_a_command(name, tmp_path, capsys):
    WORLDS[name][0](tmp_path / 'set')
    assert run(f'uav-{name}', '--root', tmp_path / 'set', '--out', tmp_path / 'out', '--workers', 1,
               '--shares', 0.5, 0.5, 0) == 0
    printed = capsys.readouterr().out
    assert f'{tmp_path / "out" / "annotations"}\n' in printed and 'sizes: below 2 px' in printed
    assert all(f'{what}: {count} (first: ' in printed for what, count in WORLDS[name][1].items())
    # PASCAL's lists part one video in that set.
    assert run('uav-check', '--root', tmp_path / 'out') == int(name == 'voc')


def test_options_reach_their_place(tmp_path, capsys):
    WORLDS['yolo'][0](tmp_path / 'set')
    words = ('uav-yolo', '--root', tmp_path / 'set', '--workers', 1)
    assert run(*words, '--out', tmp_path / 'a', '--map', 'bird=', 'UAV=target', '--every', 2, '--ignore-splits',
               '--single', '--shares', 1, 0, 0, '--symlink') == 0
    content = json.loads((tmp_path / 'a/annotations/train.json').read_text())
    assert [row['name'] for row in content['categories']] == ['target'] and not content['videos']
    assert len(content['images']) == 3 and (tmp_path / 'a' / content['images'][0]['file_name']).is_symlink()
    with pytest.raises(ValueError, match=r'--strict\); boxes clipped to the picture: 1'):
        run(*words, '--out', tmp_path / 'b', '--strict')
    with pytest.raises(ValueError, match='--map x: give FROM=TO'):
        run(*words, '--out', tmp_path / 'b', '--map', 'x')
    with pytest.raises(ValueError, match='every and workers are at least 1'):
        run(*words, '--out', tmp_path / 'b', '--every', 0)
    capsys.readouterr()
    for name in 'ac':
        run(*words, '--out', tmp_path / name, '--force', '--video', r'(?P<video>[ab])_0*(?P<frame>\d+)')
    assert run('uav-merge', '--root', tmp_path / 'a', tmp_path / 'c', '--out', tmp_path / 'd', '--workers', 1) == 0
    assert 'train: 2 videos, 6 pictures' in capsys.readouterr().out
    (tmp_path / 'd/images/train/a/a/a_0000.jpg').unlink()
    assert run('uav-check', '--root', tmp_path / 'd') == 1
    assert 'PROBLEM: 1 pictures are missing' in capsys.readouterr().out


def test_processes_change_nothing(tmp_path, capsys):
    WORLDS['drone-vs-bird'][0](tmp_path / 'set')
    for workers in (1, 2):
        run('uav-drone-vs-bird', '--root', tmp_path / 'set', '--out', tmp_path / str(workers), '--workers', workers,
            '--shares', 0.5, 0.5, 0)
    names = [path.relative_to(tmp_path / '1') for path in sorted((tmp_path / '1').rglob('*.*'))]
    assert len(names) == 9
    for name in names:
        assert (tmp_path / '2' / name).read_bytes() == (tmp_path / '1' / name).read_bytes()


def test_the_tool_tells_a_mistake_in_one_line(tmp_path):
    done = subprocess.run([sys.executable, ROOT / 'tools/convert.py', 'uav-yolo', '--root', tmp_path, '--out',
                           tmp_path / 'out'], capture_output=True, text=True, cwd=ROOT,
                          env={'PYTHONPATH': str(ROOT), 'PATH': '/usr/bin:/bin'})
    assert done.returncode == 1 and done.stdout == ''
    assert done.stderr.startswith('error: ') and done.stderr.count('\n') == 1 and 'no list of classes' in done.stderr
