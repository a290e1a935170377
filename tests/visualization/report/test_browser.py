"""The page as a reader meets it: opened from disk, in a browser, on a wide screen, a phone and paper."""

import base64
import json
import re
import time
import zlib

import pytest

from perception_kd.visualization.report.page import render, theme
from tests.visualization.report.pages import MODELS, hostile_page, whole_page

WIDE, PHONE = (1280, 900), (360, 740)
HIDDEN = "[...arguments[0].querySelectorAll('.plot')].map(plot => plot.data.map(trace => trace.visible === false))"
DRAWN = ("(plot => plot.querySelector('.main-svg') || plot.closest('details:not([open])'))"
         "(document.querySelectorAll('.plot')[{}])")
LINES = "document.querySelectorAll('figure.chart')[1]"
HOVERED = "[...document.querySelectorAll('.hoverlayer text')].some(text => text.textContent.includes('Student'))"


class Reader:
    """A page in the browser."""

    def __init__(self, browser) -> None:
        self.browser = browser

    def open(self, path, size=WIDE, dark=False, scripts=True):
        browser = self.browser
        browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': not scripts})
        browser.execute_cdp_cmd('Emulation.setDeviceMetricsOverride', {
            'width': size[0], 'height': size[1], 'deviceScaleFactor': 1, 'mobile': size[0] < 500})
        features = [{'name': 'prefers-color-scheme', 'value': 'dark' if dark else 'light'}]
        browser.execute_cdp_cmd('Emulation.setEmulatedMedia', {'features': features})
        browser.get(f'file://{path}')
        return self

    def js(self, code, *arguments):
        return self.browser.execute_script(f'return {code}', *arguments)

    def until(self, code, seconds=20):
        end = time.monotonic() + seconds
        while not self.js(code):
            assert time.monotonic() < end, f'waited in vain for {code}'
            time.sleep(0.05)

    def draw_all(self):
        """Scroll from chart to chart, as a reader does."""
        for number in range(self.js("document.querySelectorAll('.plot').length")):
            self.js(f"document.querySelectorAll('.plot')[{number}].scrollIntoView({{behavior: 'instant'}})")
            self.until(DRAWN.format(number))
        return self

    def complaints(self):
        return [one['message'] for one in self.browser.get_log('browser') if one['level'] in ('SEVERE', 'WARNING')]

    def requests(self):
        """Addresses that a page from disk has asked for since the last call."""
        events = [json.loads(one['message'])['message'] for one in self.browser.get_log('performance')]
        asked = [event['params'] for event in events if event['method'] == 'Network.requestWillBeSent']
        return [one['request']['url'] for one in asked if one['documentURL'].startswith('file:')]


@pytest.fixture(scope='module')
def path(tmp_path_factory):
    file = tmp_path_factory.mktemp('page') / 'report.html'
    file.write_text(render(whole_page()), encoding='utf-8')
    return file


@pytest.fixture
def reader(browser):
    one = Reader(browser)
    one.complaints(), one.requests()
    return one


def test_charts_are_drawn_when_they_come_near(reader, path):
    reader.open(path, size=(1280, 300))
    assert not reader.js('window.Plotly') and not reader.js("document.querySelector('.main-svg')")
    assert not reader.js("document.querySelector('.behind').open")
    reader.draw_all()
    assert reader.js("document.querySelectorAll('.plot.js-plotly-plot').length") == 6  # one is in a fold
    assert reader.complaints() == []
    addresses = reader.requests()
    assert addresses[0] == f'file://{path}'
    assert {url.split(':')[0] for url in addresses[1:]} <= {'data', 'blob'}


def test_charts_respond(reader, path):
    reader.open(path).draw_all()
    figure = reader.js(LINES)
    for hidden in (True, False):
        reader.js("arguments[0].querySelector('.legend button').click()", figure)
        assert reader.js(HIDDEN, figure) == [[hidden, False]]
    many = reader.js("document.querySelector('.multiples').closest('figure')")
    reader.js("arguments[0].querySelector('.legend button').click()", many)
    assert reader.js(HIDDEN, many) == [[True, False]] * 2  # one legend for several charts
    reader.js("arguments[0].scrollIntoView({behavior: 'instant', block: 'center'})", figure)
    x, y = reader.js("(b => [b.x + b.width / 3, b.y + b.height / 2])(arguments[0].querySelector('.nsewdrag')"
                     '.getBoundingClientRect())', figure)
    for step in (0, 3):
        mouse = {'type': 'mouseMoved', 'x': x + step, 'y': y}
        reader.browser.execute_cdp_cmd('Input.dispatchMouseEvent', mouse)
    reader.until(HOVERED)
    assert reader.complaints() == []


def test_colours_follow_the_system_and_the_switch(reader, path):
    reader.open(path, dark=True).draw_all()
    paper = 'getComputedStyle(document.documentElement).backgroundColor'
    stroke = "getComputedStyle(document.querySelector('.scatterlayer .js-line')).stroke"

    def shown(dark):
        colours = theme.tokens(dark)
        return [f'rgb({", ".join(str(int(colours[name][k : k + 2], 16)) for k in (1, 3, 5))})'
                for name in ('paper', 'model-2')]

    assert [reader.js(paper), reader.js(stroke)] == shown(dark=True)
    reader.js("document.querySelector('.switch').click()")
    assert [reader.js(paper), reader.js(stroke)] == shown(dark=False)
    reader.js("document.querySelector('.switch').click()")
    assert reader.js("document.documentElement.dataset.theme === undefined")
    assert [reader.js(paper), reader.js(stroke)] == shown(dark=True)


def test_phone(reader, path):
    touch = 'Emulation.setTouchEmulationEnabled'
    reader.browser.execute_cdp_cmd(touch, {'enabled': True})
    reader.open(path, size=PHONE).draw_all()
    assert reader.js('document.documentElement.scrollWidth') == 360 == reader.js('innerWidth')
    # a finger on a chart scrolls the page
    reader.js("document.querySelectorAll('figure.chart')[1].scrollIntoView({behavior: 'instant', block: 'center'})")
    before = reader.js('scrollY')
    for kind, y in (('Start', 420), *(('Move', y) for y in range(410, 250, -20)), ('End', None)):
        points = [{'x': 180, 'y': y}] if y else []
        reader.browser.execute_cdp_cmd('Input.dispatchTouchEvent', {'type': f'touch{kind}', 'touchPoints': points})
    reader.until(f'scrollY > {before} + 50')
    reader.browser.execute_cdp_cmd(touch, {'enabled': False})
    assert not reader.js("document.querySelector('#contents').clientHeight")
    reader.js("document.querySelector('.menu').click()")
    assert reader.js("document.querySelector('#contents').clientHeight") > 80
    reader.js("document.querySelector('#contents a').click()")
    assert not reader.js("document.querySelector('#contents').clientHeight")
    # bars lie down where names have no room, and stand where they have
    bars = "document.querySelectorAll('figure.chart')[2].querySelector('.plot').data[0].orientation"
    assert reader.js(bars) == 'v'
    assert reader.complaints() == []


def test_tables_sort(reader, path):
    reader.open(path)
    names = "[...document.querySelector('section table').tBodies[0].rows].map(row => row.cells[0].textContent)"
    click = "document.querySelector('section table th:nth-child(2) button').click()"
    assert reader.js(names) == ['Teacher', 'Student', 'odd']
    orders = []
    for _ in range(3):
        reader.js(click)
        sort = reader.js("document.querySelector('section table th:nth-child(2)').getAttribute('aria-sort')")
        orders.append((sort, reader.js(names)))
    assert orders == [('descending', ['Teacher', 'Student', 'odd']), ('ascending', ['Student', 'Teacher', 'odd']),
                      (None, ['Teacher', 'Student', 'odd'])]


def test_what_is_too_wide_scrolls_with_keys(reader, path):
    reader.open(path, size=PHONE)
    region = "document.querySelector('section .scroll')"
    reader.js(f"{region}.style.width = '90px'")
    reader.until(f"{region}.tabIndex === 0 && {region}.getAttribute('aria-label').startsWith('Table 1')")
    reader.js(f"{region}.style.width = ''")
    reader.until(f"{region}.tabIndex === -1")


def test_pictures_open_large(reader, path):
    reader.open(path)
    reader.js("document.querySelector('.zoom').click()")
    assert reader.js("document.querySelector('.large').open && document.querySelector('.large img').naturalWidth") == 60
    reader.js("document.querySelector('.large .close').click()")
    assert not reader.js("document.querySelector('.large').open")


def test_without_scripts_the_numbers_are_there(reader, path):
    reader.open(path, scripts=False)
    reader.browser.execute_cdp_cmd('Emulation.setScriptExecutionDisabled', {'value': False})
    assert reader.js("[...document.querySelectorAll('.behind')].every(details => details.open)")
    assert reader.js("getComputedStyle(document.querySelector('.plot')).display") == 'none'
    assert reader.js("getComputedStyle(document.querySelector('.switch')).display") == 'none'


def test_an_old_browser_is_told(reader, path, tmp_path):
    old = tmp_path / 'old.html'
    html = path.read_text(encoding='utf-8')
    old.write_text(re.sub(r'(<script type="text/plain" id="plotly">)[^<]*', r'\1QUJD', html), encoding='utf-8')
    reader.open(old)
    reader.js("document.querySelectorAll('.plot')[1].scrollIntoView()")
    reader.until("document.querySelector('.plot.failed')")
    assert reader.js("document.querySelector('.plot.failed ~ .behind').open")


def test_hostile_names_do_nothing(reader, tmp_path):
    path = tmp_path / 'hostile.html'
    path.write_text(render(hostile_page()), encoding='utf-8')
    reader.open(path).draw_all()
    assert reader.js('document.title').startswith('<script>')
    assert reader.js("document.querySelector('.xtick text').textContent").startswith('<script>')
    assert reader.complaints() == []


def test_print(reader, path):
    reader.open(path, dark=True).draw_all()
    pdf = reader.browser.execute_cdp_cmd('Page.printToPDF', {'printBackground': True, 'preferCSSPageSize': True})
    data = base64.b64decode(pdf['data'])
    boxes = re.findall(rb'/MediaBox \[([^\]]*)\]', data)
    assert {tuple(round(float(part)) for part in box.split()[2:]) for box in boxes} == {(595, 842)}  # A4 in points
    paint = b''.join(_streams(data))
    light = [f'{int(theme.tokens(False)["model-2"][k : k + 2], 16) / 255:.4f}'.rstrip('0')[1:].encode() for k in (1, 3)]
    assert all(part in paint for part in light)
    assert reader.js("!document.querySelector('.fold').open && document.querySelector('.fold .main-svg')")
    assert reader.js("document.documentElement.dataset.theme === undefined")


def _streams(data):
    for stream in re.findall(rb'stream\r?\n(.*?)endstream', data, re.DOTALL):
        try:
            yield zlib.decompress(stream)
        except zlib.error:
            continue


def test_models_are_marked_alike(reader, path):
    reader.open(path)
    marks = reader.js("[...document.querySelectorAll('.named')].map(one => [one.textContent, "
                      "one.querySelector('.mark').style.getPropertyValue('--c')])")
    assert dict(marks) == {
        MODELS[0]: 'var(--model-1)', MODELS[1]: 'var(--model-2)', MODELS[2]: 'var(--model-3)'}
