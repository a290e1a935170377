"""The picture ``compare``: counts, colours, what counts at all."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.quiver import Quiver
from matplotlib.text import Text

from perception_kd.visualization.boxes import in_frame
from perception_kd.visualization.compare import draw_compare
from perception_kd.visualization.geometry import project_points
from perception_kd.visualization.options import PictureOptions
from perception_kd.visualization.outcome import counted
from perception_kd.visualization.palette import NUSCENES, SAFE
from perception_kd.visualization.view import View, fit_view
from tests.visualization.conftest import CAM2IMG, LIDAR2CAM, SIZE, make_boxes
from tests.visualization.test_scene import ALL_ROUND, check_texts, pixels_of

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


def test_bounds_by_class(make_frame):
    """Either one for all classes or, for some, another; the key says which."""
    options = PictureOptions(lidar='none', view=View(30, 10, 20), score=0.5, class_scores={'car': 0.75, 'bus': 0.1})
    shown = options.predictions(make_boxes([('car', 0, 1, 0), ('car', 0, 2, 0), ('bus', 0, 3, 0), ('truck', 0, 4, 0)],
                                           [0.8, 0.7, 0.2, 0.4]))
    assert list(zip(shown.names, shown.scores)) == [('car', 0.8), ('bus', 0.2)]
    texts = texts_of(draw_compare(make_frame(TRUTH), {'S': FOUND}, options))
    assert {'1 match', '2 misses', '1 false alarm', 'car ≥ 0.75', 'bus ≥ 0.1'} <= set(texts)
    assert 'predictions with a score of 0.5 or more; other bounds in the key' in texts


def test_a_narrow_comparison_keeps_its_key_on_the_sheet(make_frame, radar):
    frame = make_frame(TRUTH, radar=radar)
    options = PictureOptions(width=760, camera_lidar='depth', class_scores={'car': 0.4})
    check_texts(draw_compare(frame, {'Student': FOUND}, options))


def test_velocities_of_truth_and_matches(make_frame):
    moving = make_boxes([('car', 0, 10, 1.5), ('car', 6, 12, 1.5)], velocities=np.array([(0, 4), (0.1, 0.1)]))
    options = PictureOptions(lidar='none', view=View(30, 10, 20))
    sheet = draw_compare(make_frame(moving), {'S': moving}, options, cameras='none')
    arrows = [[quiver.N for quiver in axes.findobj(Quiver)] for axes in sheet.figure.axes[:2]]
    assert arrows == [[1], [1, 1]], 'in the panel of a model, of the truth and of what it found'
    options = PictureOptions(lidar='none', velocities=False)
    assert not draw_compare(make_frame(moving), {'S': moving}, options).figure.findobj(Quiver)


def test_frames_without_annotations_are_refused(make_frame):
    frame = replace(make_frame(make_boxes([])), annotated=False)
    with pytest.raises(ValueError, match='no annotations to compare with'):
        draw_compare(frame, {'Student': FOUND})


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


def test_a_miss_is_outlined_once_and_velocities_are_explained_where_there_are_some(make_frame):
    sheet = draw_compare(make_frame(TRUTH), {'Student': FOUND}, OPTIONS, cameras='none')
    count = {artist.get_gid(): len(artist.get_paths()) for artist in sheet.figure.axes[1].collections}
    assert (count['truth'], count['misses'], count['matches'], count['false alarms']) == (1, 2, 1, 2)
    assert 'velocity: travel in 1 s' not in texts_of(sheet)
    moving = replace(TRUTH, velocities=np.ones((4, 2)))
    assert 'velocity: travel in 1 s' in texts_of(draw_compare(make_frame(moving), {'Student': FOUND}, OPTIONS))


@pytest.mark.parametrize('choice', ['front', 'all'])
def test_outcomes_lie_in_the_camera_where_its_matrix_says(make_frame, choice):
    """A match, a miss and a false alarm, each at the pixels of its corners, in its colour."""
    truth, found = make_boxes([('car', 0, 12, 1.5), ('bus', 8, 14, 1.5)]), make_boxes(
        [('car', 0.5, 12, 1.5), ('truck', -8, 14, 0)], [0.9, 0.8])
    sheet = draw_compare(make_frame(truth), {'Student': found}, OPTIONS, cameras=choice)
    (axes,) = [axes for axes in sheet.figure.axes if axes.images and axes.get_xlim() == (0, SIZE[0])][-1:]
    box, image = axes.get_window_extent(), pixels_of(sheet)
    scale, top = box.width / SIZE[0], sheet.height - box.y1
    candidates = (NUSCENES.match, NUSCENES.miss, NUSCENES.false_alarm)
    for boxes, index, colour in ((found, 0, 0), (truth, 1, 1), (found, 1, 2)):
        pixels, _, _ = project_points(boxes.corners[index], LIDAR2CAM, CAM2IMG, SIZE)
        (left, high), (right, low) = pixels.min(0) * scale + (box.x0, top), pixels.max(0) * scale + (box.x0, top)
        part = image[round(high) - 2:round(low) + 3, round(left) - 2:round(right) + 3]
        coloured = np.ptp(part, axis=-1) > 90
        nearest = np.abs(part[coloured][:, None] / 255 - candidates).sum(-1).argmin(1)
        assert np.bincount(nearest, minlength=3).argmax() == colour
        rows, columns = np.nonzero(coloured)
        assert rows.min() < 6 and columns.min() < 6 and rows.max() > part.shape[0] - 7
        assert columns.max() > part.shape[1] - 7
