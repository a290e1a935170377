"""The page as text: structure, escaping, sizes, determinism. What a browser makes of it is in test_browser."""

import base64
import gzip
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from perception_kd.visualization.report.blocks import Chart, Page, Section, Table, Text
from perception_kd.visualization.report.page import PageTooLargeError, assets, render
from perception_kd.visualization.report.page.figures import MOST_ROWS, table_of
from perception_kd.visualization.report.page.media import picture_size
from perception_kd.visualization.report.page.tables import table_html
from perception_kd.visualization.report.page.text import number_text, paragraphs
from tests.visualization.report.pages import charts, hostile_page, picture, two_lines, whole_page

VOID = {'meta', 'img', 'br', 'wbr', 'source', 'input', 'path', 'circle'}


class Tree(HTMLParser):
    """Counts elements, and sees that each is closed in turn."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.seen, self.texts = [], [], []
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, text):
        self.texts.append(text)

    def all(self, tag):
        return [attributes for name, attributes in self.seen if name == tag]


@pytest.fixture(scope='module')
def html():
    return render(whole_page())


def test_structure(html):
    tree = Tree(html)
    assert [len(tree.all(tag)) for tag in ('main', 'nav', 'section', 'h1', 'h2', 'h3')] == [1, 1, 3, 1, 3, 1]
    assert tree.all('html')[0]['lang'] == 'en'
    identities = [attributes['id'] for _, attributes in tree.seen if 'id' in attributes]
    assert len(identities) == len(set(identities))
    for link in tree.all('a'):
        assert link['href'].removeprefix('#') in identities
    for section in tree.all('section'):
        assert section['aria-labelledby'] in identities
    assert all(image.get('alt') for image in tree.all('img')[:-1])  # the last is filled by a click
    assert all(head['scope'] in ('col', 'row') for head in tree.all('th'))
    assert all(button['type'] == 'button' for button in tree.all('button'))
    labels = re.findall(r'<span class="label">(Figure|Table) (\d+)</span>', html)
    for kind in ('Figure', 'Table'):
        numbers = [int(number) for name, number in labels if name == kind]
        assert numbers == list(range(1, len(numbers) + 1)) and numbers


def test_same_page_same_text(html):
    assert render(whole_page()) == html


def test_nothing_is_fetched_and_only_own_scripts_run(html):
    policy = next(meta['content'] for meta in Tree(html).all('meta') if 'http-equiv' in meta)
    assert "default-src 'none'" in policy and 'unsafe-eval' not in policy
    source = re.search(r'<script>(.*?)</script>', html, re.DOTALL).group(1)
    assert assets.hash_of(source) in policy
    packed, allowed, _ = assets.plotly()
    assert allowed in policy and assets.hash_of(gzip.decompress(base64.b64decode(packed)).decode()) == allowed
    for _, attributes in Tree(html).seen:
        for name in ('src', 'href', 'poster'):
            assert attributes.get(name, '#').startswith(('#', 'data:'))


def test_all_assets_are_used_and_packed():
    room = Path(assets.__file__).parent
    files = {path.name for path in room.iterdir() if path.suffix in ('.css', '.js')}
    assert files == {*assets.STYLES, *assets.SCRIPTS}
    setup = (room.parents[3] / 'setup.py').read_text()
    assert "'perception_kd.visualization.report.page': ['*.css', '*.js']" in setup


def test_library_comes_only_with_charts(html):
    assert 'id="plotly"' in html
    assert len(render(Page('t', sections=[Section('a', 'A', '', [Text('b')])]))) < 60_000


def test_hostile_texts_are_shown_not_run():
    html = render(hostile_page())
    tree = Tree(html)
    assert len(tree.all('script')) == 2 + 1 + 1  # two figures, the library, the page's own
    assert not any(name.startswith('on') for _, attributes in tree.seen for name in attributes)
    assert ''.join(tree.texts).count('<script>document.title') >= 20
    figures = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html)
    for figure in figures:
        assert '<' not in figure
    names = [trace['name'] for trace in json.loads(figures[0])['data']]
    assert names[0].startswith('&lt;script&gt;') and names[1] == 'other'


def test_too_large_page_names_the_largest():
    pictures = [picture('small one'), picture('large one', size=(400, 400))]
    page = Page('t', sections=[Section('a', 'Frames', '', pictures)])
    with pytest.raises(PageTooLargeError, match=r"its 0 MB; .*picture \(section 'Frames'\) 'large one'.*'small one'"):
        render(page, most_bytes=1000)
    with pytest.raises(PageTooLargeError, match='no picture'):
        render(Page('t'), most_bytes=1000)


@pytest.mark.parametrize(('value', 'digits', 'text'), [
    (0.12345, 3, '0.123'), (-0.5, 1, '−0.5'), (12345, 3, '12\u202f345'), (1234, 3, '1234'), (float('nan'), 3, '–'),
    (1234567.5, 1, '1\u202f234\u202f567.5'), (0.000123456, None, '0.0001235'), (3.0, None, '3'), (3.0, 2, '3.00'),
    (float('-inf'), 2, '−∞'), (1e-7, None, '1e-07'),
])
def test_numbers(value, digits, text):
    assert number_text(value, digits) == text


def test_paragraphs_and_lists():
    html = paragraphs('One\nline.\n\nLead:\n- a `b`\n  goes on\n- <c>\n')
    code = '<code class="short">b</code>'
    assert html == f'<p>One line.</p><p>Lead:</p><ul><li>a {code} goes on</li><li>&lt;c&gt;</li></ul>'


def test_table_cells():
    rows = [['A', 0.25, 0.5, 'x'], ['B', 0.75, 0.5, None], ['C', None, 2, 'y']]
    table = Table(['model', 'AP', 'error', 'note'], rows, best=[None, 'max', 'min', None])
    html = table_html(table, ['A'], caption='', label='t')
    assert re.findall(r'<b>([\d.]+)<', html) == ['0.500', '0.750', '0.500']  # row by row
    assert html.count('<svg class="mark"') == 1 and html.count('>–<') == 2
    assert html.count('class="right"') == 2 * 4 and 'data-value="0.75"' in html
    alone = table_html(Table(['m', 'AP'], [['A', 1.0]], best=[None, 'max']), [], caption='', label='t')
    assert '<b>' not in alone


def test_table_behind_a_chart():
    table = table_of(two_lines())
    assert list(table.columns) == ['step', 'Student', 'Student with KD']
    assert table.rows == [[1, 3, 2.5], [2, 2, None], [3, 1.5, 1]]
    heat = table_of(charts()[-1])
    assert heat.rows == [['fog', 1, 0.5], ['snow', None, 0.2]] and list(heat.columns) == ['', 'a', 'b']
    steps = list(range(1000))
    long = table_of(Chart('c', {'data': [{'x': steps, 'y': steps, 'name': 'a'}], 'layout': {}}))
    assert len(long.rows) <= MOST_ROWS and '1000 points' in long.caption
    with pytest.raises(ValueError, match='sankey; give one'):
        table_of(Chart('flows', {'data': [{'type': 'sankey'}], 'layout': {}}))
    with pytest.raises(ValueError, match='differ in length'):
        table_of(Chart('c', {'data': [{'x': [1], 'y': [1, 2], 'name': 'a'}], 'layout': {}}))


@pytest.mark.parametrize('kind', ['png', 'jpeg'])
def test_size_of_a_picture(kind):
    whole = picture(kind=kind, size=(123, 45))
    assert picture_size(whole) == (123, 45)
    with pytest.raises(ValueError, match='cut off'):
        picture_size(type(whole)(whole.data[:18], 'a', kind=kind))
