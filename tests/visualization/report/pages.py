"""Small pages for the tests, made of every kind of block."""

from __future__ import annotations

import cv2
import numpy as np

from perception_kd.visualization.report.blocks import (
    Code,
    Difference,
    Film,
    Finding,
    Fold,
    Gallery,
    Heading,
    Multiples,
    Number,
    Numbers,
    Page,
    Picture,
    Section,
    Table,
    Text,
)
from perception_kd.visualization.report.charts import Series, areas, bars, heatmap, lines, precision_recall

HOSTILE = '<script>document.title = "broken"</script><img src=x onerror="document.title = \'broken\'"> & "x" \'y\''
MODELS = ('Teacher', 'Student', 'Student with KD')
FILM = b'\x00\x00\x00\x18ftypmp42' + bytes(12)


def picture(alt: str = 'a grey field', kind: str = 'png', size: tuple[int, int] = (60, 40), **more) -> Picture:
    """A picture of so many pixels (width, height)."""
    coded = cv2.imencode({'png': '.png', 'jpeg': '.jpg'}[kind], np.full((size[1], size[0], 3), 128, np.uint8))[1]
    return Picture(coded.tobytes(), alt, kind=kind, **more)


def two_lines(name: str = 'Loss'):
    """Lines of two models over steps."""
    return lines(name, [Series(MODELS[1], [1, 2, 3], [3.0, 2.0, 1.5], model=1),
                        Series(MODELS[2], [1, 2, 3], [2.5, float('nan'), 1.0], model=2)], x='step', y='loss')


def charts():
    """One of each builder."""
    classes = ['car', 'construction vehicle']
    series = [Series(name, classes, [0.4, 0.2], model=k) for k, name in enumerate(MODELS)]
    return [
        two_lines(), bars('AP', series, value='AP'),
        areas('Shares', [Series('task', [1, 2], [0.9, 0.8]), Series('pair', [1, 2], [0.1, 0.2])], x='step', y='share'),
        heatmap('Kept', rows=['fog', 'snow'], columns=['a', 'b'], values=[[1, 0.5], [None, 0.2]], unit='share'),
    ]


def whole_page() -> Page:
    """Every kind of block."""
    curves = [precision_recall(name, [Series(MODELS[1], [0, 0.5, 1], [1, 0.5, 0], model=1),
                                      Series(MODELS[2], [0, 0.5, 1], [1, 0.7, 0], model=2)]) for name in ('car', 'bus')]
    table = Table(['model', 'mAP', 'boxes'], [['Teacher', 0.3, 5], ['Student', 0.1, 20000], ['odd', None, 7]],
                  'Results.', best=[None, 'max', None])
    return Page('A report', 'with `code`', [('Data', 'none')], [
        Section('numbers', 'Numbers', 'A lead.', [
            Numbers([Number('NDS', '0.3', note='+0.1', tone='good', model='Student')]), Text('One.\n\n- a\n- b'), table,
            Finding('error', 'Wrong', 'Text.', 'Cure.', 'Evidence.'), Difference([('lr', '1', None)], *MODELS[:2]),
            Code('x = 1', 'The code'), Heading('Folded'), Fold('More', [Code('y', folded=True), two_lines('Inside')])]),
        Section('charts', 'Charts', '', [*charts(), Multiples(curves, 'Curves.')]),
        Section('media', 'Media', '', [picture(), Gallery([picture(), picture(kind='jpeg', size=(90, 30))], 'Two.'),
                                       Film(FILM, 'a film', 'Moving.', picture())]),
    ], MODELS)


def hostile_page() -> Page:
    """Names as an attacker would give them, wherever a text may stand."""
    series = [Series(HOSTILE, [HOSTILE, 'b'], [1, 2], model=0), Series('other', [HOSTILE, 'b'], [1, 2])]
    blocks = [
        Numbers([Number(HOSTILE, HOSTILE, HOSTILE, HOSTILE, 'bad', HOSTILE)]), Text(HOSTILE), Heading(HOSTILE),
        Table([HOSTILE, 'b'], [[HOSTILE, 1.0]], HOSTILE), bars(HOSTILE, series, value=HOSTILE, caption=HOSTILE),
        Finding('error', HOSTILE, HOSTILE, HOSTILE, HOSTILE), Code(HOSTILE, HOSTILE), Code(HOSTILE, HOSTILE, True),
        heatmap(HOSTILE, rows=[HOSTILE], columns=[HOSTILE], values=[[1]], unit=HOSTILE), Film(FILM, HOSTILE, HOSTILE),
        Difference([(HOSTILE, HOSTILE, None)], HOSTILE, HOSTILE, HOSTILE), Fold(HOSTILE, [picture(HOSTILE)]),
        Gallery([picture(HOSTILE, caption=HOSTILE)], HOSTILE)]
    return Page(HOSTILE, HOSTILE, [(HOSTILE, HOSTILE)], [Section('a', HOSTILE, HOSTILE, blocks)], [HOSTILE])
