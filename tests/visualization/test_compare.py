"""The picture ``compare``: counts, colours, what counts at all."""

import numpy as np
import pytest
from matplotlib.text import Text

from perception_kd.visualization.boxes import in_frame
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted
from perception_kd.visualization.palette import NUSCENES, SAFE
from perception_kd.visualization.view import View, fit_view
from tests.visualization.conftest import make_boxes
from tests.visualization.test_scene import ALL_ROUND, pixels_of

TRUTH = make_boxes(
    [('car', 0, 10, 1.5), ('car', 6, 12, 1.5), ('pedestrian', -5, 8, 0), ('car', 0, 20, 0)],
    measured=np.array([True, True, True, False]),
)
FOUND = make_boxes(
    [('car', 0.5, 10, 1.5), ('car', -8, 14, 0), ('car', 0, 20, 0), ('car', 6, 12, 0)], [0.9, 0.8, 0.7, 0.1]
)
OPTIONS = PictureOptions(lidar='none', view=View(30, 10, 20))


def texts_of(sheet):
    return [text.get_text() for text in sheet.figure.findobj(Text)]


def test_counts_stand_in_the_titles(make_frame):
    texts = texts_of(draw_compare(make_frame(TRUTH), {'Student': FOUND}, OPTIONS))
    # Unmeasured truth does not count, though a prediction there is still a false alarm, as in the devkit.
    assert '3 counted, 1 without points or out of range' in texts
    assert {'1 match', '2 misses', '2 false alarms', 'Student'} <= set(texts)


def test_a_lower_bound_lets_more_in(make_frame):
    options = PictureOptions(lidar='none', view=View(30, 10, 20), score=0.05)
    assert {'2 matches', '1 miss', '2 false alarms'} <= set(
        texts_of(draw_compare(make_frame(TRUTH), {'S': FOUND}, options))
    )


def test_classes_can_be_chosen(make_frame):
    options = PictureOptions(lidar='none', view=View(30, 10, 20), classes=('pedestrian',))
    assert {'0 matches', '1 miss', '0 false alarms'} <= set(
        texts_of(draw_compare(make_frame(TRUTH), {'S': FOUND}, options))
    )


@pytest.mark.parametrize(('palette', 'colours'), [('nuscenes', NUSCENES), ('safe', SAFE)])
def test_outcomes_have_their_colours_where_the_boxes_are(make_frame, palette, colours):
    options = PictureOptions(lidar='none', view=View(30, 10, 20), palette=palette)
    sheet = draw_compare(make_frame(TRUTH), {'Student': FOUND}, options, cameras='none')
    extent = sheet.figure.axes[1].get_window_extent()
    image, scale = pixels_of(sheet), extent.width / 40
    candidates = (colours.match, colours.miss, colours.false_alarm)
    for x, y, colour in ((0.5, 10, colours.match), (-5, 8, colours.miss), (-8, 14, colours.false_alarm)):
        column, row = extent.x0 + (20 + x) * scale, sheet.height - extent.y1 + (30 - y) * scale
        reach = round(2.4 * scale)
        part = image[round(row) - reach : round(row) + reach, round(column) - reach : round(column) + reach]
        # Thin lines are blended with the paper, so the colour nearest to a tinted pixel counts.
        tinted = part[np.ptp(part, axis=-1) > 60] / 255
        nearest = np.abs(tinted[:, None] - candidates).sum(-1).argmin(1)
        assert len(nearest) > 40
        assert candidates[np.bincount(nearest).argmax()] == colour


def test_panels_have_equal_axes(make_frame):
    sheet = draw_compare(make_frame(TRUTH), {'Teacher': FOUND, 'Student': FOUND}, OPTIONS)
    panels = sheet.figure.axes[:3]
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in panels}) == 1
    assert (
        len(
            {
                (round(axes.get_window_extent().width), round(axes.get_window_extent().height))
                for axes in panels
            }
        )
        == 1
    )


def test_fitted_view_shows_everything_that_counts(make_frame):
    for names in (ALL_ROUND, ('CAM_FRONT',)):
        frame = make_frame(make_boxes([('car', 33, 31, 0), ('car', -2, 44, 0)]), names)
        view = fit_view(frame, frame.truth)
        assert counted(frame.truth, frame, view).all()
        assert view.holds(in_frame(frame.truth, frame.lidar2ego).reshape(-1, 3)).all()


def test_bad_choices_are_named(make_frame):
    with pytest.raises(ValueError, match='front, all, none'):
        draw_compare(make_frame(TRUTH), {'Student': FOUND}, cameras='rear')
    with pytest.raises(ValueError, match='nothing to compare'):
        draw_compare(make_frame(TRUTH), {})
    with pytest.raises(ValueError, match='unknown classes tram'):
        PictureOptions(classes=('tram',))
    with pytest.raises(ValueError, match='score'):
        PictureOptions(score=1.5)
    with pytest.raises(ValueError, match='palette'):
        PictureOptions(palette='pink')
    with pytest.raises(ValueError, match='range'):
        View(0, 10, 10)
