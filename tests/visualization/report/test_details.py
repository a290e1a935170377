"""Small things that only a browser shows: bars to scroll where there is nothing to scroll, whiskers, heads on paper."""

from __future__ import annotations

import pytest

from perception_kd.visualization.report.blocks import Page, Section, Table
from perception_kd.visualization.report.charts import Series, bars
from perception_kd.visualization.report.page import render
from tests.visualization.report.test_browser import Reader

NAN = float('nan')
SCROLLED = ("[...document.querySelectorAll('.contents, main > section > .scroll')]"
            '.map(one => [one.scrollWidth - one.clientWidth, one.scrollHeight - one.clientHeight])')
WHISKERS = "[...document.querySelectorAll('.errorbar path')].map(one => one.getAttribute('d')).filter(Boolean).length"
HEAD = "getComputedStyle(document.querySelector('thead button')).display"


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    table = Table(['model', 'mAP'], [['a', 0.1], ['b', 0.2]], 'Results.', best=[None, 'max'])
    chart = bars('AP', [Series('a', ['day', 'night'], [0.3, 0.4], low=[0.2, NAN], high=[0.4, NAN])], value='AP')
    file = tmp_path_factory.mktemp('page') / 'report.html'
    file.write_text(render(Page('A page', sections=[Section('one', 'One', '', [table, chart])])), encoding='utf-8')
    return file


def test_nothing_scrolls_that_has_room(browser, path):
    assert Reader(browser).open(path, size=(1440, 900)).js(SCROLLED) == [[0, 0], [0, 0]]


def test_a_bar_without_an_interval_has_no_whisker(browser, path):
    reader = Reader(browser).open(path).draw_all()
    assert reader.js(WHISKERS) == 1


def test_heads_of_tables_keep_their_text_on_a_second_page(browser, path):
    reader = Reader(browser).open(path)
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': 'print'})
    assert reader.js(HEAD) == 'contents'  # buttons in a repeated head are printed empty
    browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'media': ''})
