"""How many times as fast: read from the benchmark's files, drawn as they say, refused where they do not say it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from perception_kd.visualization.palette import FAINT_INK
from perception_kd.visualization.speed_chart import FASTER, SLOWER, Speed, draw_speeds, read_speeds

ROOT = Path(__file__).parents[2]
MEASURED = ROOT / 'docs' / 'benchmarks'


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize('name', ['pooling', 'ops', 'nds_val', 'infos_trainval', 'loader'])
def test_ratios_are_those_of_the_files(name):
    path = MEASURED / f'{name}.json'
    ratios = json.loads(path.read_text())['ratio']
    assert [one.ratio for one in read_speeds(path)] == pytest.approx(list(ratios.values()))
    column = list(ratios)[-1]
    one, = read_speeds(path, column, 'a title')
    assert one.title == 'a title' and one.ratio == pytest.approx(ratios[column])
    assert one.span[0] <= one.ratio <= one.span[1]


def test_drawn():
    fast, slow = Speed('fast', 'loop', ((8.0, 10.0, 12.0), (1.0, 2.0, 2.0))), Speed('slow', 'C', ((1.0,), (4.0,)))
    assert (fast.ratio, fast.span) == (5, (4, 12)) and slow.ratio == 0.25
    sheet = draw_speeds([fast, slow])
    axes = sheet.figure.axes[0]
    assert [(bar.get_x(), bar.get_width(), bar.get_facecolor()[:3]) for bar in axes.patches] == [
        (1, 4, pytest.approx(FASTER)), (1, -0.75, pytest.approx(SLOWER))]
    assert [bar.get_alpha() for bar in axes.patches] == [1, 0.55], 'a single run is pale'
    assert any('pale: one run a side' in text.get_text() for text in sheet.figure.texts)
    spans = [tuple(line.get_xdata()) for line in axes.lines]
    assert (4, 12) in spans and (0.25, 0.25) in spans
    low, high = axes.get_xlim()
    assert low < 0.25 and high > 12
    assert {'fast', 'beside loop', '5×', 'slow', 'beside C', '0.25×'} < {text.get_text() for text in sheet.figure.texts}


@pytest.mark.parametrize(('ratio', 'number', 'ticks'), [
    (1.3, '1.3×', 3), (3.0, '3×', 3), (50.0, '50×', 5), (1234.5, '1,234×', 3), (2e5, '200,000×', 5)])
def test_scales_have_numbers(ratio, number, ticks):
    sheet = draw_speeds([Speed('a', 'b', ((ratio, ratio), (1.0, 1.0)))])
    axes = sheet.figure.axes[0]
    low, high = axes.get_xlim()
    assert ticks <= sum(low <= tick <= high for tick in axes.get_xticks()) <= 12
    assert number in {text.get_text() for text in sheet.figure.texts}


def test_what_lies_within_the_runs_is_no_gain():
    sheet = draw_speeds([Speed('a', 'b', ((0.9, 1.1, 1.3), (1.0, 1.0, 1.0)))])
    assert sheet.figure.axes[0].patches[0].get_facecolor()[:3] == pytest.approx(FAINT_INK)


def test_nothing_is_written_over_the_bars():
    sheet = draw_speeds([Speed('a title that goes on and on and on and on and on and on, to no end', 'x' * 200,
                               ((1e5,), (1.0,)))])
    sheet.canvas.draw()
    renderer = sheet.canvas.get_renderer()
    bars = sheet.figure.axes[0].get_window_extent(renderer)
    assert bars.width > 200
    for text in sheet.figure.texts:
        box = text.get_window_extent(renderer)
        assert not box.overlaps(bars) and box.x0 >= 0 and box.x1 <= sheet.width, text.get_text()


@pytest.mark.parametrize('content', [
    [], {}, {'benchmark': 'x'}, {'benchmark': 'x', 'ratio': {}, 'seconds': {}},
    {'benchmark': 'x', 'ratio': 2.0, 'seconds': {'a': {'o': [1.0], 'p': [1.0]}}},
    *({'benchmark': 'x', 'ratio': {'a': 1}, 'seconds': {'a': sides}} for sides in (
        [1, 2], {'one': [1.0]}, {'o': [], 'p': [1.0]}, {'o': [0.0], 'p': [1.0]}, {'o': ['fast'], 'p': [1.0]},
        {'o': '12', 'p': [1.0]}, {'o': [10 ** 400], 'p': [1.0]}))])
def test_other_files_are_refused_by_name(tmp_path, content):
    path = write(tmp_path / 'some.json', content)
    with pytest.raises(ValueError, match=r'some\.json does not time ours'):
        read_speeds(path)


def test_command_line(tmp_path):
    def run(*arguments: str) -> subprocess.CompletedProcess:
        return subprocess.run([sys.executable, 'tools/visualize.py', 'speed', *arguments], cwd=ROOT, text=True,
                              capture_output=True)

    out = tmp_path / 'speed.png'
    done = run('NDS=docs/benchmarks/nds_val.json::from memory', 'docs/benchmarks/ops.json', '--out', str(out))
    assert done.returncode == 0 and str(out) in done.stdout, done.stderr
    with Image.open(out) as picture:
        assert picture.width == 760 and picture.height > 7 * 36
    out.unlink()
    odd = tmp_path / 'lr=0.1' / 'a=b'
    odd.mkdir(parents=True)
    (odd / 'nds.json').write_bytes((MEASURED / 'nds_val.json').read_bytes())
    assert run(f'{odd}/nds.json', f'x=y={odd}/nds.json::from memory', '--out', str(out)).returncode == 0
    out.unlink()
    for arguments, message in ((('docs/benchmarks/nds_val.json::from mars',), "no column 'from mars'; there are: from"),
                               (('docs/benchmarks/recorder.json',), 'does not time ours beside another side'),
                               (('nowhere.json',), 'nowhere.json is missing; give files of tools/benchmark.py')):
        done = run(*arguments, '--out', str(out))
        assert done.returncode != 0 and message in done.stderr and len(done.stderr.splitlines()) == 1
        assert not out.exists()
