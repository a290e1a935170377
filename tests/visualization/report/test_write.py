"""The whole report from a command line."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.write import ORDER, write_report
from tests.visualization.report.run_folders import write_three

SECTIONS = Path(__file__).parents[3] / 'perception_kd' / 'visualization' / 'report' / 'sections'


@pytest.fixture(scope='module')
def folder(tmp_path_factory, tiny_root) -> Path:
    return write_three(tmp_path_factory.mktemp('three'), tiny_root)


def parsed(*words: object) -> argparse.Namespace:
    return build_parser('').parse_args(['report', *map(str, words)])


def test_every_section_has_its_place():
    assert set(ORDER) == {path.stem for path in SECTIONS.glob('*.py')} - {'__init__'}


def test_one_command_writes_one_page(folder, tmp_path, capsys):
    pytest.importorskip('plotly')
    args = parsed(f'Big one={folder / "teacher"}', folder / 'student', f'with KD={folder / "kd"}', '--title', 'A & B',
                  '--out', tmp_path / 'new' / 'report.html', '--without', 'frames')
    assert args.run(args) == 0
    page = (tmp_path / 'new' / 'report.html').read_text()
    said = capsys.readouterr().out.splitlines()
    assert said[0] == 'report: overview ...' and 'report: frames ...' not in said
    assert said[-1].startswith(f'{tmp_path}/new/report.html (') and 'Results, Metrics in detail' in said[-1]
    for text in ('<title>A &amp; B</title>', 'Big one', 'with KD', 'id="overview"', 'id="shares"', 'id="environment"'):
        assert text in page
    assert 'id="frames"' not in page and len(page) < 15e6


def test_a_section_that_there_is_not_and_a_page_too_large_are_said(folder, tmp_path):
    runs = gather([folder / 'student'])
    with pytest.raises(ValueError, match='no section nonsense; there are overview'):
        write_report(runs, tmp_path / 'a.html', without=['nonsense'])
    with pytest.raises(IsADirectoryError, match='is a folder; name a file'):
        write_report(runs, tmp_path)
    with pytest.raises(ValueError, match='more than its'):
        write_report(runs, tmp_path / 'a.html', without=set(ORDER) - {'environment'}, most_bytes=1000)
    with pytest.raises(ValueError, match='nothing to report'):
        write_report(gather([folder / 'student' / 'metrics_summary.json']), tmp_path / 'a.html')
    assert not (tmp_path / 'a.html').exists()
