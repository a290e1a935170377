"""Sheets of drones: what is drawn of which box, which pictures are chosen, and the command on real photographs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from perception_kd.evaluation.uav import UAVRules, read_truth
from perception_kd.evaluation.uav.predictions import Predicted, read_predictions
from perception_kd.evaluation.uav.truth import TrueBoxes
from perception_kd.visualization.commands import build_parser
from perception_kd.visualization.palette import Colour
from perception_kd.visualization.uav.choose import by_name, choose
from perception_kd.visualization.uav.sheet import COLOURS, close_ups, draw_uav, window
from perception_kd.visualization.uav.view import ALARM, MATCH, MISS, REGION, TARGET, Item, UAVView, told
from tests.evaluation.uav.made import coco, frame, save
from tests.evaluation.uav.svanstrom import guesses, svanstrom


def boxes(*rows: list[float]) -> np.ndarray:
    return np.array(rows, float).reshape(-1, 4)


def view_of(true: np.ndarray, found: np.ndarray | None, ignored: tuple[int, ...] = (), **more: Any) -> UAVView:
    flags = np.isin(np.arange(len(true)), ignored)
    scores = np.linspace(0.9, 0.5, 0 if found is None else len(found))
    predicted = None if found is None else Predicted(found, scores, np.zeros(len(found), int))
    return UAVView(title='a', picture=np.full((100, 160, 3), 128, np.uint8), predicted=predicted,
                   truth=TrueBoxes(true, np.zeros(len(true), int), flags), **more)


def test_what_became_of_each_box() -> None:
    """A find with its target, a miss, a false alarm; what lies in a region is not drawn; wrong ones come first."""
    true = boxes([10, 10, 10, 10], [50, 50, 6, 6], [100, 0, 50, 50])
    found = boxes([10, 11, 10, 10], [80, 80, 8, 8], [110, 10, 5, 5])
    items = view_of(true, found, (2,)).items()
    assert [(one.kind, one.box[:2]) for one in items] == [
        (MISS, (50, 50)), (ALARM, (80, 80)), (MATCH, (10, 11)), (TARGET, (10, 10)), (REGION, (100, 0))]
    assert (items[2].score, items[2].iou) == pytest.approx((0.9, 90 / 110)) and items[0].side == 6
    assert told(items) == '1 found, 1 missed, 1 false alarm, 1 ignored region'
    strict = view_of(true, found, (2,), iou=0.9).items()
    assert [one.kind for one in strict] == [MISS, MISS, ALARM, ALARM, REGION]
    assert told(view_of(true[:2], None).items()) == '2 targets'
    assert told(view_of(true[:0], found[:0]).items()) == 'no target'


def test_close_ups() -> None:
    """Two at most, none of what another one shows, none of regions."""
    near, far, region = Item(MISS, (10, 10, 6, 6)), Item(ALARM, (60, 10, 6, 6)), Item(REGION, (90, 90, 6, 6))
    assert close_ups([near, Item(ALARM, (12, 14, 4, 4)), far, Item(MATCH, (90, 9, 4, 4))]) == [near, far]
    assert close_ups([region]) == [] and window(near) == 24 and window(Item(MISS, (0, 0, 30, 10))) == 120


def share(pixels: np.ndarray, colour: Colour) -> int:
    """Pixels of about that colour."""
    return int((np.abs(pixels.astype(int) - np.round(np.array(colour) * 255)) < 12).all(axis=2).sum())


def test_colours_say_what_it_is() -> None:
    """Each kind in its colour and no other; the close-up's window holds the target's own pixels."""
    true, found = boxes([20, 20, 8, 8]), boxes([60, 60, 8, 8])
    views = {MISS: view_of(true, found[:0]), ALARM: view_of(true[:0], found), MATCH: view_of(true, true)}
    drawn = {kind: draw_uav([view], width=700) for kind, view in views.items()}
    for kind, sheet in drawn.items():
        pixels = sheet.pixels()
        counts = {other: share(pixels, COLOURS[other]) for other in (MISS, ALARM, MATCH)}
        assert counts[kind] > 50 and all(value < 5 for other, value in counts.items() if other != kind), kind
    view = view_of(true, None)
    view.picture[20:28, 20:28] = (10, 200, 30)
    assert share(draw_uav([view], width=700).pixels(), (10 / 255, 200 / 255, 30 / 255)) > 20 * 64


def test_sheets_of_many() -> None:
    """Columns and rows; one without a box; nothing to draw is refused."""
    views = [view_of(boxes([20, 20, 8, 8]), None), view_of(boxes(), boxes()), view_of(boxes([0, 0, 3, 3]), None)]
    wide, tall = draw_uav(views, columns=3, width=600), draw_uav(views, columns=1, width=600)
    assert wide.width == tall.width and tall.height > 5 * wide.height
    assert tall.pixels().shape == (int(tall.height), int(tall.width), 3)
    for wrong in ({'views': []}, {'views': views, 'columns': 0}):
        with pytest.raises(ValueError, match='one picture or more'):
            draw_uav(**wrong)


def test_of_a_long_path_the_end_stays() -> None:
    """The number of the frame is there."""
    name = f'images/val/{"V_DRONE_008/" * 9}V_DRONE_008_0157.jpg'
    view = view_of(boxes([10, 10, 10, 10]), None)
    sheet = draw_uav([UAVView(title=name, picture=view.picture, truth=view.truth, predicted=None)])
    shown = [one.get_text() for one in sheet.figure.texts if one.get_text().startswith('…')]
    assert len(shown) == 1 and shown[0].endswith('/V_DRONE_008_0157.jpg') and name.endswith(shown[0][1:])


def test_a_close_up_is_not_wider_than_the_picture() -> None:
    sheet = draw_uav([view_of(boxes([10, 10, 10, 10]), boxes([0, 0, 100, 90]))])
    spans = sorted(abs(float(np.subtract(*one.get_xlim()))) for one in sheet.figure.axes if one.images)
    assert spans[-2:] == [160, 160], 'the picture, and the close-up of the large false alarm'


def test_which_pictures(tmp_path: Path) -> None:
    """The worst of each video before a second one of any; without predictions the smallest targets; by name."""
    content = coco([frame(number, 1 + (number > 3)) for number in range(1, 6)],
                   [dict(image_id=image, bbox=[10, 10, side, side]) for image, side in (
                       (1, 30), (2, 20), (2, 9), (3, 6), (4, 40))])
    truth = read_truth(save(tmp_path, 'ann.json', content))
    alarm = dict(category_id=1, bbox=[90, 90, 5, 5], score=0.9)
    rows = [{**alarm, 'image_id': 5}, {**alarm, 'image_id': 5, 'score': 0.1}]
    found = read_predictions(save(tmp_path, 'res.json', rows), truth)
    assert choose(truth, found, UAVRules(), 9) == [2, 4, 1, 5, 3]
    assert choose(truth, None, UAVRules(), 3) == [3, 4, 2]
    assert by_name(truth, ['3', '005.png', 'images/001.png']) == [3, 5, 1]
    for wrong in ('7', 'png'):
        with pytest.raises(ValueError, match=rf'--image {wrong}: no pictures of .* are called so'):
            by_name(truth, [wrong])
    with pytest.raises(ValueError, match='5 pictures to choose 0 from'):
        choose(truth, found, UAVRules(), 0)


def run(*words: object) -> int:
    parsed = build_parser('').parse_args(['uav', *map(str, words)])
    return parsed.run(parsed)


@pytest.mark.real_data
def test_command_on_photographs(real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """Worst pictures with predictions, chosen ones without."""
    root = real_data / 'uav' / 'svanstrom_visible'
    if not root.is_dir():
        pytest.skip('no svanstrom_visible there')
    content = svanstrom(root, 2)
    ann, res = save(tmp_path, 'ann.json', content), save(tmp_path, 'res.json', guesses(content))
    assert run(ann, res, '--data-root', root, '--count', 2, '--out', tmp_path / 'worst.png', '--max-width', 900) == 0
    assert 'worst.png (900 x' in capsys.readouterr().out
    pixels = cv2.imread(str(tmp_path / 'worst.png'))[..., ::-1]
    assert share(pixels, COLOURS[MISS]) > 20 and share(pixels, COLOURS[ALARM]) > 20
    assert run(ann, '--data-root', root, '--video', 'V_DRONE_042', '--count', 1, '--out', tmp_path / 'one.png') == 0
    for words, message in ((['--video', 'x'], 'no video x'), (['--image', 'x'], '--image x: no pictures'),
                           (['--score', 'nan'], 'score_thr'), (['--dpi', 5], 'dpi')):
        with pytest.raises(ValueError, match=message):
            run(ann, res, '--data-root', root, '--out', tmp_path / 'no.png', *words)
    assert not (tmp_path / 'no.png').exists()


def test_pictures_that_do_not_fit(tmp_path: Path) -> None:
    """Missing, damaged, or of another size; the root is the folder above ``annotations``."""
    (tmp_path / 'annotations').mkdir()
    (tmp_path / 'images').mkdir()
    ann = save(tmp_path / 'annotations', 'val.json', coco([frame(1)], [dict(image_id=1, bbox=[1, 1, 5, 5])]))
    path = tmp_path / 'images' / '001.png'
    with pytest.raises(FileNotFoundError, match=r'001\.png: no such picture'):
        run(ann, '--out', tmp_path / 'out.png')
    cv2.imwrite(str(path), np.zeros((20, 30, 3), np.uint8))
    with pytest.raises(ValueError, match=r'001\.png is 30 x 20 px, its annotations are for 640 x 512'):
        run(ann, '--out', tmp_path / 'out.png')
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ValueError, match=r'001\.png: corrupt picture'):
        run(ann, '--out', tmp_path / 'out.png')
    with pytest.raises(ValueError, match=r'out\.jpg: pictures are PNG files'):
        run(ann, '--out', tmp_path / 'out.jpg')
    assert json.loads(ann.read_text()) and not (tmp_path / 'out.png').exists()
