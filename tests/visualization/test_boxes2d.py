"""Boxes on photographs: the target's own pixels stay, the line lies around it."""

import numpy as np
import pytest

from perception_kd.visualization.boxes2d import COLOURS, colour_of, draw_boxes, draw_inset


@pytest.fixture
def sky() -> np.ndarray:
    """A picture of noise: what was drawn on differs from it."""
    return np.random.default_rng(0).integers(90, 120, (200, 300, 3)).astype(np.uint8)


def changed(before, after) -> np.ndarray:
    """(H, W) bool."""
    return (before != after).any(-1)


def test_a_tiny_target_is_not_painted_over(sky):
    drawn = draw_boxes(sky, np.array([[100.3, 80.2, 105.9, 84.8]]))
    seen = changed(sky, drawn)
    assert not seen[79:86, 99:107].any()                         # the target, and a px around it
    rows, columns = np.nonzero(seen)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (76, 88, 96, 109)  # gap 2, line 2, rim 1
    line = tuple(round(value * 255) for value in COLOURS[0])
    assert tuple(drawn[78, 102]) == line and tuple(drawn[77, 102]) == line and set(drawn[76, 102]) in ({0}, {255})
    assert changed(sky, draw_boxes(sky, np.zeros((0, 4)))).sum() == 0


def test_labels_find_room_and_hide_no_other_target(sky):
    boxes = np.array([[100, 80, 106, 86], [101, 60, 107, 66], [2, 2, 8, 8], [292, 190, 298, 198]], float)
    drawn = draw_boxes(sky, boxes, ['drone'] * 4, [0.9, 0.8, 0.7, 0.6], [colour_of(number) for number in range(4)])
    bare = draw_boxes(sky, boxes, colors=[colour_of(number) for number in range(4)])
    plates = changed(bare, drawn)
    assert plates.sum() > 4 * 600
    for x1, y1, x2, y2 in boxes.astype(int):
        assert not plates[y1:y2, x1:x2].any()
    for number in range(4):
        colour = [round(value * 255) for value in colour_of(number)]
        assert (drawn[plates] == colour).all(-1).sum() > 300     # each has its plate, inside of the picture


def test_the_strongest_lies_on_top(sky):
    boxes = np.array([[50, 50, 90, 90], [50, 50, 90, 90]], float)
    drawn = draw_boxes(sky, boxes, colors=[(1, 0, 0), (0, 0, 1)])
    assert tuple(drawn[48, 70]) == (255, 0, 0)


def test_lines_grow_with_the_picture():
    large = np.zeros((2160, 3840, 3), np.uint8)
    drawn = draw_boxes(large, np.array([[1000.0, 1000, 1020, 1020]]), colors=[(1, 1, 1)])
    assert (drawn[:, 1010] == 255).all(-1).sum() == 2 * 6


def test_boxes_at_the_border_and_boxes_that_are_none(sky):
    drawn = draw_boxes(sky, np.array([[-5, -5, 310, 210], [np.nan, 1, 2, 3]]), ['all', 'none'])
    assert changed(sky, drawn)[0].any() and drawn.shape == sky.shape
    with pytest.raises(ValueError, match='1 boxes have 2 labels'):
        draw_boxes(sky, np.zeros((1, 4)), ['a', 'b'])
    with pytest.raises(ValueError, match='uint8'):
        draw_boxes(sky[..., 0], np.zeros((1, 4)))


@pytest.mark.parametrize(('box', 'corner'), [
    ((20, 20, 26, 26), (1, 1)), ((280, 20, 286, 26), (0, 1)), ((20, 170, 26, 176), (1, 0))])
def test_a_close_up_shows_the_target_in_the_far_corner(sky, box, corner):
    source = sky.copy()
    source[box[1]:box[3], box[0]:box[2]] = (250, 10, 10)
    drawn = draw_inset(source, source, box, factor=4)
    red = (drawn == (250, 10, 10)).all(-1)
    red[box[1]:box[3], box[0]:box[2]] = False
    assert red.sum() == 6 * 6 * 4 * 4
    rows, columns = np.nonzero(red)
    assert (columns.mean() > 150, rows.mean() > 100) == tuple(map(bool, corner))


def test_a_close_up_avoids_other_targets_and_does_without_room(sky):
    others = np.array([[20, 20, 26, 26], [290, 190, 296, 196]], float)
    seen = changed(sky, draw_inset(sky, sky, others[0], others=others))
    assert not seen[185:, 280:].any() and not seen[15:30, 15:30].any() and seen.any()
    tiny = np.zeros((20, 30, 3), np.uint8)
    assert not changed(tiny, draw_inset(tiny, tiny, (3, 3, 6, 6))).any()
    assert not changed(sky, draw_inset(sky, sky, (np.nan, 3, 6, 6))).any()


def test_colours_of_tracks():
    assert colour_of(0) == colour_of(len(COLOURS)) != colour_of(1) and colour_of(-1) not in COLOURS[:-1]
