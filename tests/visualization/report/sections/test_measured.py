"""Robustness, latency and slices: every number of a chart and a table is the file's, and damage is told."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import mean

import pytest

from perception_kd.evaluation.slices.bias import INHERITED, BiasReport, SliceResult
from perception_kd.visualization.report.blocks import Chart, Fold, Heading, Multiples, Numbers, Table, Text
from perception_kd.visualization.report.runs import RunSet
from perception_kd.visualization.report.sections import bias, latency, robustness
from tests.visualization.report.sections.runsets import run_set

MEASURED = Path(__file__).parents[4] / 'docs' / 'benchmarks'


def beside(folder: Path, name: str, content: object) -> RunSet:
    """Two runs, and a file beside them."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return run_set(folder, files=(path,))


def test_robustness_shows_the_summary(tmp_path: Path) -> None:
    summary = json.loads((MEASURED / 'robustness_demo.json').read_text())
    section = robustness.section(beside(tmp_path, 'robustness.json', summary))
    text, table, chart, families, *differences, fold = section.blocks
    models = {one['name']: one for one in summary['models']}
    assert [row[0] for row in table.rows] == ['plain student', 'student with IMKD'], 'titles of the runs'
    for row, model in zip(table.rows, models.values()):
        assert row[1:4] == [model['clean']['NDS'], 100 * model['mRR']['NDS'], 100 * model['mCE']['NDS']]
    worst = min(models['student']['faults'], key=lambda name: mean(
        one['faults'][name]['RR']['NDS'] for one in models.values()))
    bar = chart.figure['data'][1]
    assert bar['marker']['color'] == 'var(--model-2)' and len(bar['x']) == robustness.MOST_BARS
    assert bar['y'][0] == robustness.fault_name(worst) and bar['y'][0] in chart.caption
    assert bar['x'][0] == pytest.approx(100 * models['student_imkd']['faults'][worst]['RR']['NDS'], rel=1e-4)
    radars = next(one for one in families.charts if one.name == 'Radars').figure['data'][0]
    faults = [one for one in models['student']['faults'].values() if one['family'] == 'radar']
    assert radars['x'] == [0, 1, 2, 3], 'some have more severities, all have these'
    assert radars['y'][2] == pytest.approx(mean(one['NDS'][1] for one in faults), rel=1e-4)
    assert 'say little' in text.text and 'The interval' not in differences[0].caption, 'two scenes'
    assert isinstance(fold, Fold) and [len(one.rows) for one in fold.blocks] == [len(models['student']['faults'])] * 2
    assert len({len(one.columns) for one in fold.blocks}) == 1 and isinstance(families, Multiples)


def test_a_difference_over_many_scenes_is_put_in_words(tmp_path: Path) -> None:
    summary = json.loads((MEASURED / 'robustness_demo.json').read_text())
    summary['data']['scenes'] = 150
    parts = summary['differences'][0]
    for part in (parts['clean'], parts['mean'], *(one['mean'] for one in parts['faults'].values())):
        part['interval'] = [-0.1, 0.1]
    parts['clean']['interval'], parts['faults']['fog']['mean']['interval'] = [0.01, 0.02], [-0.02, -0.01]
    section = robustness.section(beside(tmp_path, 'robustness.json', summary))
    caption = next(one for one in section.blocks[4:] if isinstance(one, Table)).caption
    assert caption.endswith('The interval lies above 0 under sound sensors, and below 0 under fog.')


def test_latency_shows_stages_of_one_model_and_of_several(tmp_path: Path) -> None:
    found = {name: json.loads((MEASURED / f'latency_student_{name}.json').read_text()) for name in ('r18', 'r50')}
    (tmp_path / 'student').mkdir()
    (tmp_path / 'student' / found['r18']['setting']['config']).touch()
    found['r18']['setting']['streaming'] = False
    found['r18']['machine'].update(load=[2.5, 2.0, 2.0], cores=2)
    found['r50']['machine'].update(load=[1.5, 2.0, 2.0], cores=2)
    numbers, chart, table, text = latency.section(beside(tmp_path, 'latency.json', found['r18'])).blocks
    assert isinstance(numbers, Numbers), 'its config is in that run'
    assert numbers.items[0].note == 'plain student, on a busy machine'
    assert numbers.items[0].value == f'{1e3 * found["r18"]["medians"]["torch"]:.0f}'
    bar, = chart.figure['data']
    by_stage = dict(zip(bar['y'], bar['x']))
    assert by_stage['image network'] == pytest.approx(1e3 * found['r18']['spread']['image']['median'], rel=1e-4)
    assert sum(row[5] for row in table.rows if row[1] != 'total') == pytest.approx(100, abs=3)
    assert isinstance(text, Text) and 'Measured on x86_64 with two threads' in text.text and 'was busy' in text.text
    runs = beside(tmp_path, 'latency_b.json', found['r50'])
    both = latency.section(RunSet(runs.runs, extras=type(runs.extras)((tmp_path / 'latency.json', *runs.extras.files))))
    assert [trace['name'] for trace in both.blocks[1].figure['data']] == [
        'plain student', 'student_r50_256x704, frame by frame']
    assert [number.note for number in both.blocks[0].items] == [
        'plain student, on a busy machine', 'student_r50_256x704, frame by frame']


def result(name: str, gap: float, gain: float, finding: str = '', scenes: int = 3) -> SliceResult:
    ap = dict(teacher=0.4 + gap, student=0.4, distilled=0.4 + gain)
    return SliceResult('light', name, 50, scenes, ('car',), ap, gap, gain, (gap, gap), (gain, gain), finding, 1.0)


def test_bias_marks_slices_and_tells_noise_from_weakness(tmp_path: Path) -> None:
    slices = [result('day', 0.2, 0.1), result('night', -0.1, -0.05, INHERITED), SliceResult('light', 'dusk', 0),
              result('dawn', -0.2, -0.01, INHERITED, scenes=30)]
    report = BiasReport(dict(version='v'), slices, 0.5, (0.1, 0.9), 3)
    chart, text, table = bias.section(beside(tmp_path, 'bias.json', report.as_dict())).blocks
    trace, = chart.figure['data']
    assert list(zip(trace['hovertext'], trace['x'], trace['y'])) == [
        ('light: day', 0.2, 0.1), ('light: night', -0.1, -0.05), ('light: dawn', -0.2, -0.01)]
    assert 'helped: in 1 of 3; in 2 the teacher is behind' in chart.caption
    assert text.text.startswith('Inherited weaknesses: light: dawn. Perhaps mere noise')
    assert 'light: night' in text.text and '+0.50 (95 %: +0.10 to +0.90)' in text.text
    assert [row[0] for row in table.rows] == ['light: day', 'light: night', 'light: dawn'], 'none without AP'


def test_slices_of_one_model(tmp_path: Path) -> None:
    content = dict(meta=dict(results='elsewhere/student_imkd/results_nusc.json'), slices=[
        dict(family='light', name=name, boxes=9, scenes=2, ap=ap, ap_interval=span)
        for name, ap, span in (('day', 0.5, [0.4, 0.7]), ('night', 0.25, [0.2, 0.3]), ('dusk', None, None))])
    results = {'student_imkd': tmp_path / 'student_imkd' / 'results_nusc.json'}
    (tmp_path / 'slices.json').write_text(json.dumps(content))
    chart, table = bias.section(run_set(tmp_path, results, files=(tmp_path / 'slices.json',))).blocks
    bar, = chart.figure['data']
    assert isinstance(chart, Chart) and bar['name'] == 'student with IMKD' and bar['x'] == [0.5, 0.25]
    assert bar['error_x']['array'] == pytest.approx([0.2, 0.05]) and 'Weakest: light: night (0.250)' in chart.caption
    assert table.rows[0] == ['light: day', 9, 2, 0.5, '0.400 to 0.700'] and not isinstance(chart, Heading)


@pytest.mark.parametrize(('module', 'name'), [(robustness, 'robustness.json'), (latency, 'latency.json'),
                                              (bias, 'bias.json'), (bias, 'slices.json')])
def test_what_is_damaged_is_named_and_what_is_not_there_is_left_out(tmp_path: Path, module, name: str) -> None:
    for content in ('{"a": ', '[]', '{"slices": 3}'):
        with pytest.raises(ValueError, match=name.replace('.', r'\.')):
            module.section(beside(tmp_path, name, content))
    assert module.section(run_set(tmp_path)) is None
