"""Blocks and charts refuse what cannot be shown, in one line."""

import json

import pytest

from perception_kd.visualization.report.blocks import (
    Chart,
    Film,
    Finding,
    Heading,
    Number,
    Page,
    Picture,
    Section,
    Table,
)
from perception_kd.visualization.report.charts import (
    DASHES,
    MODEL_STYLES,
    MOST_POINTS,
    SYMBOLS,
    Series,
    areas,
    bars,
    heatmap,
    lines,
    precision_recall,
)
from tests.visualization.report.pages import charts


@pytest.mark.parametrize(('make', 'message'), [
    (lambda: Table([], []), 'a column'),
    (lambda: Table(['a', 'b'], [[1]], 'T'), r"'T': a row of 1 cells under 2 columns: \[1\]"),
    (lambda: Table(['a'], [], best=['most']), "'most' is not among max, min, None"),
    (lambda: Table(['a'], [], align=['up']), "'up' is not among left"),
    (lambda: Table(['a'], [], digits=[1, 2]), 'digits has 2 values for 1 columns'),
    (lambda: Number('', '1'), 'label of a number'),
    (lambda: Number('a', '1', tone='loud'), "'loud' is not among plain"),
    (lambda: Chart('c', {'data': 1}), "'c': the figure must be"),
    (lambda: Picture(b'GIF89a', 'p'), "'p': its bytes are not those of a PNG"),
    (lambda: Picture(b'\x89PNG\r\n\x1a\n', ' '), 'the alt text of a picture'),
    (lambda: Film(b'abc', 'f'), 'not those of an MP4'),
    (lambda: Finding('fatal', 'x'), "'fatal' is not among error"),
    (lambda: Heading(''), 'a heading must be a text'),
    (lambda: Section('A b', 't'), "'A b' is not made of small letters"),
    (lambda: Page('t', sections=[Section('a', 'A'), Section('a', 'B')]), 'the same key: a'),
    (lambda: Series('s', [1, 2], [1]), "'s': x, y .* got 2 and 1"),
    (lambda: Series('s', [1], [1], low=[0]), 'low with high'),
    (lambda: lines('empty', [], x='x', y='y'), "'empty' has nothing to show"),
    (lambda: heatmap('h', rows=['a'], columns=['b'], values=[[1, 2]], unit=''), '1 rows of 1'),
])
def test_refusals(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_figures_are_json():
    for chart in charts():
        json.dumps(chart.figure, allow_nan=False)


def test_a_model_looks_the_same_in_all_charts():
    line = lines('a', [Series('m', [1], [1.0], model=2)], x='x', y='y', markers=True).figure['data'][0]
    bar = bars('b', [Series('n', ['x'], [1.0]), Series('m', ['x'], [1.0], model=2)], value='v').figure['data'][1]
    assert line['line']['color'] == line['marker']['color'] == bar['marker']['color'] == 'var(--model-3)'
    assert len(set(zip(DASHES, SYMBOLS))) == MODEL_STYLES and len(set(SYMBOLS)) == MODEL_STYLES
    many = lines('a', [Series('m', [1], [1.0], model=k) for k in range(2 * MODEL_STYLES)], x='x', y='y', markers=True)
    traces = many.figure['data']
    looks = [(trace['line']['color'], trace['line']['dash'], trace['marker']['symbol']) for trace in traces]
    for one, other in zip(looks[:MODEL_STYLES], looks[MODEL_STYLES:]):
        assert one[0] == other[0] and one[1] != other[1] and one[2] != other[2]


def test_long_lines_are_thinned_and_keep_their_end():
    steps = list(range(10_001))
    trace = lines('a', [Series('m', steps, steps)], x='x', y='y').figure['data'][0]
    assert len(trace['x']) <= MOST_POINTS and trace['x'] == trace['y'] and trace['x'][-1] == 10_000


def test_ends_of_axes():
    def axis(**more):
        return lines('a', [Series('m', [1, 2], [10.0, 1000.0])], x='x', y='y', **more).figure['layout']['yaxis']

    assert axis(range_y=(0, None))['range'] == pytest.approx([0, 1060])
    assert axis(range_y=(1, 100), log=True)['range'] == [0, 2]
    assert axis(log=True)['tickvals'][:5] == [10, 20, 50, 100, 200]


def test_bars_and_intervals():
    series = [Series('m', ['a', 'b'], [1.0, None], low=[0.5, 0], high=[2.0, 1])]
    trace = bars('b', series, value='v', horizontal=True).figure['data'][0]
    assert trace['orientation'] == 'h' and trace['y'] == ['a', 'b'] and trace['x'] == [1, None]
    assert trace['error_x']['array'] == [1, None] and trace['error_x']['arrayminus'] == [0.5, None]
    tall = [bars('b', [Series('m', list(range(n)), [1.0] * n)], value='v', horizontal=True).height for n in (5, 50)]
    assert tall[0] < tall[1]


def test_areas_stack_and_curves_end():
    data = areas('a', [Series('p', [1], [0.2]), Series('task', [1], [0.8], muted=True)], x='x', y='y').figure['data']
    assert {trace['stackgroup'] for trace in data} == {'all'} and data[1]['fillcolor'] == 'var(--neutral)'
    curve = precision_recall('p', [Series('m', [0, 0.5, 1], [0, 0.5, 0])]).figure['data'][0]
    assert curve['y'] == [0, 0.5, None]
