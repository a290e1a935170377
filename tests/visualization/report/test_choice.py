"""A choice between groups of blocks: with a mouse, with the keyboard, on paper, without scripts."""

from __future__ import annotations

import re

import pytest

from perception_kd.visualization.report.blocks import Choice, Code, Page, Section, Table
from perception_kd.visualization.report.page import render
from tests.visualization.report.pages import HOSTILE, MODELS, two_lines
from tests.visualization.report.test_browser import Reader

PANELS = "[...document.querySelectorAll('.panel')].map(panel => panel.clientHeight > 0)"


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    options = [(name, [two_lines(f'Loss of {name}'), Code(f'text of {name}')]) for name in MODELS[1:]]
    choice = Choice('Model', [*options, ('third', [Code('x = 1')])])
    page = Page('A page', sections=[Section('one', 'One', '', [choice])], models=MODELS)
    file = tmp_path_factory.mktemp('page') / 'report.html'
    file.write_text(render(page), encoding='utf-8')
    return file


def test_a_choice_needs_options_with_names():
    with pytest.raises(ValueError, match='two options at least'):
        Choice('Model', [('a', [])])
    with pytest.raises(ValueError, match='an option of the choice'):
        Choice('Model', [('a', []), (' ', [])])


def test_options_are_escaped_and_their_models_marked():
    options = [(HOSTILE, [Code(HOSTILE)]), (MODELS[1], [Code('y')])]
    html = render(Page('A page', sections=[Section('one', 'One', '', [Choice(HOSTILE, options)])], models=MODELS))
    assert HOSTILE not in html and html.count('type="radio"') == 2
    assert re.search(r'<span><span class="named">.{10,900}?Student</span></span></label>', html, re.DOTALL)


def test_groups_share_their_numbers_and_what_follows_goes_on():
    table = Table(['a'], [[1]], 'Of all.')
    groups = [('x', [two_lines(), Code('x')]), ('y', [two_lines(), two_lines(), table])]
    blocks = [two_lines(), Choice('Model', groups), two_lines(), table]
    html = render(Page('A page', sections=[Section('one', 'One', '', blocks)]))
    labels = re.findall(r'<span class="label">(.+?)</span>', html)
    assert labels == ['Figure 1', 'Figure 2a', 'Figure 2b', 'Figure 3b', 'Table 1b', 'Figure 4', 'Table 2']


def test_one_panel_is_shown_and_its_charts_are_drawn_when_it_is(browser, path):
    reader = Reader(browser)
    reader.complaints()
    reader.open(path)
    assert reader.js(PANELS) == [True, False, False]
    reader.until("document.querySelectorAll('.panel')[0].querySelector('.main-svg')")
    reader.js("document.querySelectorAll('.options input')[1].click()")
    assert reader.js(PANELS) == [False, True, False]
    reader.until("document.querySelectorAll('.panel')[1].querySelector('.main-svg')")
    assert reader.js("document.querySelectorAll('.panel')[1].querySelector('.main-svg').clientWidth") > 400
    reader.js("document.querySelectorAll('.options input')[1].focus()")
    browser.switch_to.active_element.send_keys('\ue014')  # arrow to the right
    assert reader.js(PANELS) == [False, False, True] and not reader.complaints()


def test_paper_has_all_panels(browser, path):
    reader = Reader(browser).open(path)
    reader.until("document.querySelectorAll('.panel')[0].querySelector('.main-svg')")
    reader.js("window.dispatchEvent(new Event('beforeprint'))")
    assert reader.js(PANELS) == [True, True, True]
    reader.js("window.dispatchEvent(new Event('afterprint'))")
    assert reader.js(PANELS) == [True, False, False]


def test_without_scripts_all_panels_are_open_and_named(path):
    html = path.read_text()
    assert html.count('class="panel"') == 3 and 'hidden>' not in html.split('<footer>')[0]
    assert re.findall(r'<div class="panel" role="group" aria-label="([^"]+)"><h4>', html) == [*MODELS[1:], 'third']
