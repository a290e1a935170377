"""The comparison sheet and its command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.datasets.stereo.pfm import read_pfm, write_pfm
from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.stereo.colours import colour_disparity, colour_errors
from perception_kd.visualization.stereo.sheet import StereoView, draw_stereo
from tests.evaluation.stereo.pair_folder import make_pair, write_pairs


def _view(title: str = 'lamp', *, truth: bool = True, noc: bool = True, shift: float = 3.0) -> StereoView:
    pair = make_pair(0)
    valid = np.isfinite(pair['disp'])
    disparity = np.where(valid, pair['disp'], 0).astype(np.float32)
    student = disparity + np.float32(shift)
    student[:8] = np.nan
    known = dict(disp=disparity, valid=valid) if truth else {}
    known |= dict(noc=pair['noc']) if truth and noc else {}
    return StereoView(title=title, left=pair['left'], models={'Teacher': disparity, 'Student': student}, **known)


def _texts(sheet: object) -> list[str]:
    return [text.get_text() for text in sheet.figure.texts]


def test_every_panel_has_its_picture() -> None:
    """Left, truth, two maps and two error maps, in the colours of the same limits, and the figures of each model."""
    view = _view()
    sheet = draw_stereo([view], limits=(0, 16), bad=1.0)
    shown = [axes.images[0].get_array() for axes in sheet.figure.axes if axes.images]
    expected = [view.left, colour_disparity(np.where(view.valid, view.disp, np.nan), (0, 16))]
    for disparity in view.models.values():
        expected += [colour_disparity(disparity, (0, 16)),
                     colour_errors(disparity, view.disp, view.valid, noc=view.noc, bad=1.0)]
    for picture, found in zip(expected, shown):
        np.testing.assert_array_equal(found, picture)
    missing = 100 * np.mean(~np.isfinite(view.models['Student'])[view.noc])
    texts = _texts(sheet)
    assert 'EPE 0.00 px   BP-1 0.00 %' in texts
    assert f'EPE 3.00 px   BP-1 100.00 %   {missing:.1f} % without prediction' in texts
    assert {'lamp', 'Teacher', 'Student', 'error', 'no disparity', 'no truth'} <= set(texts)


def test_texts_stay_on_the_sheet_and_apart() -> None:
    """Long titles are cut, two pairs take more room, and no line leaves the sheet or covers another."""
    views = [_view('a scene with a very long name, much longer than its picture is wide'), _view('b', noc=False)]
    sheet = draw_stereo(views, width=900)
    renderer = sheet.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in sheet.figure.texts if text.get_text()]
    assert all(box.x0 >= 0 and box.x1 <= 900 and box.y0 >= 0 and box.y1 <= sheet.height for box in boxes)
    assert not any(one.overlaps(other) for index, one in enumerate(boxes) for other in boxes[:index])
    assert sheet.height > 1.8 * draw_stereo(views[1:], width=900).height
    assert any('where that is unknown, all pixels' in text for text in _texts(sheet))


def test_without_truth() -> None:
    """Maps alone, without a word on errors; colours by the maps."""
    sheet = draw_stereo([_view(truth=False)])
    assert sum(bool(axes.images) for axes in sheet.figure.axes) == 3 + 1  # and the bar of disparity
    assert not any('EPE' in text or 'error' in text for text in _texts(sheet))


def test_truth_alone_stands_beside_the_picture() -> None:
    """Without models, both halves of the sheet are used."""
    view = _view()
    sheet = draw_stereo([StereoView(title='x', left=view.left, disp=view.disp, valid=view.valid)], limits=(0, 16))
    left, truth = (axes for axes in sheet.figure.axes[:2])
    np.testing.assert_array_equal(truth.images[0].get_array(),
                                  colour_disparity(np.where(view.valid, view.disp, np.nan), (0, 16)))
    assert truth.get_position().y0 == left.get_position().y0 and truth.get_position().x0 >= left.get_position().x1
    assert 'Truth' in _texts(sheet)


def test_what_cannot_be_drawn() -> None:
    """Other sizes, other models, no models, no scale."""
    view = _view()
    with pytest.raises(ValueError, match='disparity of Teacher is 96 x 40 px, the picture 96 x 48'):
        StereoView(title='x', left=view.left, models={'Teacher': view.disp[:40]})
    with pytest.raises(ValueError, match='neither truth nor predictions'):
        StereoView(title='x', left=view.left)
    with pytest.raises(ValueError, match='all with the same models'):
        draw_stereo([view, StereoView(title='x', left=view.left, models={'Teacher': view.disp})])
    with pytest.raises(ValueError, match='limits rise'):
        draw_stereo([view], limits=(9, 3))
    with pytest.raises(ValueError, match='bound of bad pixels'):
        draw_stereo([view], bad=float('inf'))


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Pairs by scene and index; a PNG; an unknown pair is told."""
    root = write_pairs(tmp_path)
    for name in ('lamp', 'vase'):
        write_pfm(tmp_path / 'maps' / f'{name}.pfm', read_pfm(root / 'train' / name / 'disp0.pfm') + 1)
    common = ['stereo', '--root', str(root), '--split', 'train', '--predictions', f'Mine={tmp_path / "maps"}',
              '--out', str(tmp_path / 'sheet.png'), '--max-width', '500']
    parsed = build_parser('').parse_args([*common, '--sample', 'vase', '0'])
    assert parsed.run(parsed) == 0
    picture = cv2.imread(str(tmp_path / 'sheet.png'))
    assert picture.shape[1] == 500 and 'sheet.png (500 x' in capsys.readouterr().out
    parsed = build_parser('').parse_args([*common, '--sample', 'sofa'])
    with pytest.raises(ValueError, match='--sample sofa: there are 2 pairs'):
        parsed.run(parsed)
    parsed = build_parser('').parse_args([*common, '--predictions', f'A={root}', f'A={tmp_path / "maps"}'])
    with pytest.raises(ValueError, match="several folders are called 'A'"):
        parsed.run(parsed)
