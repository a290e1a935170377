"""The sections on stereo: every number is the files', every picture shows what its words say, and the page opens."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from perception_kd.visualization.report.blocks import Chart, Finding, Gallery, Numbers, Table
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.sections import (
    curves,
    environment,
    overview,
    shares,
    stereo_pairs,
    stereo_results,
    stereo_speed,
)
from perception_kd.visualization.report.write import write_report
from tests.visualization.report.stereo.folders import NAME, OFF, WORLD, write_benchmark
from tests.visualization.report.test_browser import Reader

PAIR = ('teacher', 'plain_0', 'tune')


@pytest.fixture(scope='module')
def three(stereo_runs):
    """Of one seed."""
    return gather([*(stereo_runs / name for name in PAIR), stereo_runs / 'distil'])


def of_kind(section, kind: type) -> list:
    return [block for block in section.blocks if isinstance(block, kind)]


def test_results_are_those_of_the_files(three) -> None:
    section = stereo_results.section(three)
    assert overview.section(three) is None
    assert section.lead.startswith('One teacher, one student without distillation and one student with distillation, '
                                   f'scored on two pairs of “{NAME}”. Simulated pairs (`{WORLD}`)')
    assert [(card.label, card.value) for card in of_kind(section, Numbers)[0].items] == [
        ('BP-2: teacher', '0.00'), ('BP-2: plain 0', '50.00'), ('BP-2: tune', '50.00')]
    models, against = of_kind(section, Table)
    assert models.columns[:4] == ['Model', 'EPE, px', 'BP-0.5, %', 'BP-1, %'] and models.apart == 1
    for row, name in zip(models.rows, PAIR):
        assert row[1] == pytest.approx(np.mean(OFF[name]), abs=1e-5)
        assert row[2] == pytest.approx(50 * sum(off > 0.5 for off in OFF[name]))
    assert against.rows[0][0] == 'tune' and against.rows[0][-1] == 'too few pictures'


def test_pairs_are_chosen_by_what_distillation_changed(three) -> None:
    section = stereo_pairs.section(three)
    scatter, spread = of_kind(section, Chart)
    marks = {text: (x, y) for trace in scatter.figure['data'][1:]
             for text, x, y in zip(trace['hovertext'], trace['x'], trace['y'])}
    assert marks == {'lamp': (100.0, 0.0), 'vase': (0.0, 100.0)}, 'BP-2 without distillation and with it'
    assert 'helped in 1 of 2 pairs and hurt in 1' in scatter.caption
    assert [trace['name'] for trace in spread.figure['data']] == ['teacher', 'plain 0', 'tune']
    helped, hurt = of_kind(section, Gallery)[0].pictures
    assert helped.caption == ('Where distillation helped most: `lamp`. BP-2 in %: teacher 0.00, plain 0 100.00, tune '
                              '0.00.') and 'hurt most: `vase`' in hurt.caption
    drawn = cv2.imdecode(np.frombuffer(helped.data, np.uint8), cv2.IMREAD_COLOR).astype(int)
    red = (drawn[..., 2] > 180) & (drawn[..., 0] < 110) & (drawn[..., 1] < 120)
    quarter = drawn.shape[1] // 4
    lower = red[: int(0.8 * drawn.shape[0])]  # without the key
    assert lower[:, 2 * quarter: 3 * quarter].mean() < 0.02 and lower[:, quarter: 2 * quarter].mean() < 0.02
    orange = (drawn[..., 2] > 240) & (abs(drawn[..., 1] - 224) < 12) & (abs(drawn[..., 0] - 144) < 16)
    upper = orange[: int(0.8 * drawn.shape[0])]
    shares_of = [upper[:, k * quarter: (k + 1) * quarter].mean() for k in range(4)]
    assert shares_of[2] > 0.1 > max(shares_of[0], shares_of[1], shares_of[3]), '3 px off is orange, of plain 0 alone'


def test_without_pictures_the_numbers_stay(three, stereo_runs, tmp_path) -> None:
    (tmp_path / 'pairs').mkdir()
    alone = gather([stereo_runs / 'tune'], root=tmp_path / 'pairs')
    section = stereo_pairs.section(alone)
    assert not of_kind(section, Gallery) and len(of_kind(section, Finding)) == 1
    assert of_kind(section, Table)[0].rows[0] == ['vase', pytest.approx(100.0)]


def test_a_half_that_only_imitates_has_shares_but_no_task(three) -> None:
    assert 'one pair and from no truth' in shares.section(three).lead
    task = curves.section(three).blocks[0]
    assert [trace['name'] for trace in task.figure['data']] == ['teacher', 'plain 0', 'tune']
    data = of_kind(environment.section(three), Table)[-1]
    assert data.rows == [[NAME, 'train', 2, 'noc, image_mean, any disparity', WORLD]]
    waiting = [table for table in of_kind(stereo_results.section(three), Table) if table.columns[0] == 'Not scored']
    assert not waiting, 'the first half of a distillation matches nothing yet'


def test_accuracy_stands_over_latency(stereo_runs, tmp_path) -> None:
    write_benchmark(tmp_path / 'measured.json', stereo_runs / 'teacher' / 'last.pth')
    (tmp_path / 'tune').mkdir()
    runs = gather([*(stereo_runs / name for name in PAIR), tmp_path / 'measured.json'])
    student = next(run for run in runs.runs if run.title == 'tune')
    student.config['filename'] = 'elsewhere/config.py'
    section = stereo_speed.section(runs)
    tradeoff, stages = of_kind(section, Chart)
    marks = {trace['name']: (trace['x'][0], trace['y'][0]) for trace in tradeoff.figure['data']}
    assert marks == {'teacher': (2000, 0), 'plain 0': (200, 50), 'tune': (200, 50)}, 'equal networks take equal time'
    assert 'takes 10.0 times as long' in tradeoff.caption and 'the features takes most: 75 %' in stages.caption
    assert [row[:2] for row in of_kind(section, Table)[0].rows] == [['big', 2000.0], ['config', 200.0], ['SGBM', 40.0]]


def test_the_page_opens_in_a_browser(browser, three, tmp_path) -> None:
    pytest.importorskip('plotly')
    written = write_report(three, tmp_path / 'report.html', without=['curves', 'shares'])
    assert written.sections[:2] == ('Results', 'Pair by pair') and 'Metrics in detail' not in written.sections
    reader = Reader(browser)
    reader.complaints()
    reader.open(written.path, size=(360, 740), dark=True).draw_all()
    assert reader.complaints() == []
    assert reader.js('document.documentElement.scrollWidth - document.documentElement.clientWidth') == 0
    assert reader.js("document.querySelectorAll('#pairs img').length") >= 2
