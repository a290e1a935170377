"""The chart of a search's family: its marks lie where the figures say."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from perception_kd.visualization.family_chart import STUDENT, draw_family
from perception_kd.visualization.palette import INK
from perception_kd.visualization.sheet import Sheet

CONDITIONS = dict(device='a processor', dtype='float32', threads=2, size=[[1, 3, 96, 160]], torch='2.0', cuda=None)


def member(ms: float, score: float | None, predicted: float) -> dict:
    return dict(budget_ms=ms, predicted=dict(latency_ms=ms, score=predicted),
                measured=dict(latency_ms=ms + 1, latency_quartiles_ms=[ms, ms + 2], score=score,
                                                                   parameters=250_000))


@pytest.fixture
def content() -> dict:
    return dict(metric='EPE', better='lower', conditions=CONDITIONS, table_latency_ms=40.0,
                teacher=dict(latency_ms=40.0, latency_quartiles_ms=[39.0, 42.0], score=1.0),
                members=[member(20.0, 2.0, 1.8), member(30.0, 1.3, 4.0), member(10.0, None, 9.0)],
                random=[dict(latency_ms=25.0, measured=3.0), dict(latency_ms=22.0, measured=None)])


def colour_at(sheet: Sheet, pixels: NDArray, x: float, y: float) -> tuple[float, ...]:
    """Of the picture at a place of the chart's axes, RGB in 0..1."""
    column, row = sheet.figure.axes[-1].transData.transform((x, y))
    return tuple(pixels[round(pixels.shape[0] - row), round(column)] / 255)


def test_marks_lie_where_the_figures_say(content: dict) -> None:
    sheet = draw_family(content)
    pixels = sheet.pixels()
    assert colour_at(sheet, pixels, 40.0, 1.0) == pytest.approx(INK, abs=0.02)
    for ms, score in ((21.0, 2.0), (31.0, 1.3)):
        assert colour_at(sheet, pixels, ms, score) == pytest.approx(STUDENT, abs=0.02)
    assert colour_at(sheet, pixels, 30.0, 4.0) == pytest.approx((1, 1, 1), abs=0.02), 'hollow: predicted'
    drawn = {line.get_marker(): line.get_xydata() for line in sheet.figure.axes[-1].lines}
    np.testing.assert_allclose(drawn['x'], [[25.0, 3.0]])
    bars = [bar.get_segments()[0].tolist() for bar in sheet.figure.axes[-1].collections]
    assert bars == [[[39.0, 1.0], [42.0, 1.0]], [[20.0, 2.0], [22.0, 2.0]], [[30.0, 1.3], [32.0, 1.3]]]


def test_words_say_what_is_drawn(content: dict) -> None:
    sheet = draw_family(content)
    words = ' | '.join(text.get_text() for text in sheet.figure.texts)
    assert 'a processor, 2 threads, float32, inputs of 1x3x96x160, torch' in words
    assert 'random combinations' in words
    assert sheet.figure.axes[-1].get_ylabel() == 'EPE (lower is better)'
    assert [note.get_text() for note in sheet.figure.axes[-1].texts] == ['0.25 M', '0.25 M']
    assert 'random' not in ' '.join(text.get_text() for text in draw_family({**content, 'random': []}).figure.texts)


def test_predictions_keep_their_proportion_to_the_teacher(content: dict) -> None:
    lines = draw_family({**content, 'table_latency_ms': 20.0}).figure.axes[-1].lines
    np.testing.assert_allclose(lines[0].get_xydata(), [[50.0, 3.0]])
    np.testing.assert_allclose(lines[1].get_xydata(), [[20.0, 9.0], [40.0, 1.8], [60.0, 4.0]])
    np.testing.assert_allclose(lines[2].get_xydata(), [[21.0, 2.0], [31.0, 1.3]])
