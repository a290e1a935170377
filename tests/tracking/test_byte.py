"""Which ids boxes get, frame by frame."""

import numpy as np
import pytest

from perception_kd.tracking import build_tracker

COSTS = ('iou', 'buffered_iou', 'centre', 'nwd')
FAR = ('buffered_iou', 'centre', 'nwd')


def box(x: float, y: float, side: float = 5.0) -> list[float]:
    """xyxy around a centre."""
    return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def run(tracker, frames) -> list[list[int]]:
    """Ids of frames that are lists of (box, score)."""
    return [tracker.update(np.array([one for one, _ in frame]).reshape(-1, 4), np.array([score for _, score in frame]),
                           np.zeros(len(frame))).tolist() for frame in frames]


def fast_target(frames: int = 30, dropped=(6, 7, 15, 16, 17), faint=(10, 22)):
    """5 px large, 12 px a frame, some frames without a box and some with a low score."""
    noise = np.random.default_rng(0).normal(0, 0.4, (frames, 2))
    return [[] if index in dropped else
            [(box(50 + 12 * index + noise[index, 0], 80 + 3 * index + noise[index, 1]), 0.3 if index in faint else 0.9)]
            for index in range(frames)]


@pytest.mark.parametrize('cost', FAR)
def test_a_fast_tiny_target_keeps_its_id(cost) -> None:
    ids = run(build_tracker(cost=cost), fast_target())
    assert {one for frame in ids for one in frame} == {1} and sum(len(frame) for frame in ids) == 25


def test_iou_loses_a_fast_tiny_target() -> None:
    """Its box never touches the one before, so nothing is ever seen twice."""
    ids = run(build_tracker(cost='iou'), fast_target())
    assert ids[0] == [1] and {one for frame in ids[1:] for one in frame} == {-1}


def test_buffers_without_a_least_lose_it_too() -> None:
    ids = run(build_tracker(cost=dict(type='buffered_iou', buffer=0.3, least=0.0)), fast_target())
    assert {one for frame in ids[1:] for one in frame} == {-1}


@pytest.mark.parametrize('cost', COSTS)
@pytest.mark.parametrize('side', [5.0, 24.0])
def test_targets_that_cross_keep_their_ids(cost, side) -> None:
    """They pass each other at half a side; the order of the boxes changes from frame to frame."""
    speed = 1.0 if side == 5 else 4.0
    tracker, first = build_tracker(cost=cost), set()
    for index in range(41):
        boxes = [box(100 + speed * (index - 20), 60, side), box(100 - speed * (index - 20), 60 + side / 2, side)]
        order = [0, 1] if index % 3 else [1, 0]
        ids = tracker.update(np.array(boxes)[order], np.full(2, 0.9), np.zeros(2))
        first.add(int(ids[order.index(0)]))
        assert sorted(ids) == [1, 2] and len(first) == 1


def test_a_low_score_keeps_a_track_alive_and_begins_none() -> None:
    frames = [[(box(50 + index, 50), score)] for index, score in enumerate([0.9] + [0.2] * 5 + [0.9])]
    assert run(build_tracker(keep=0), frames) == [[1]] * 7
    assert run(build_tracker(keep=0), [[(box(50, 50), 0.2)]] * 4) == [[-1]] * 4
    assert run(build_tracker(keep=0), [[(box(50, 50), 0.9)]] + [[(box(50, 50), 0.05)]] * 3) == [[1]] + [[-1]] * 3


def test_scores_between_high_and_init_go_on_but_do_not_begin() -> None:
    assert run(build_tracker(), [[(box(50, 50), 0.65)]] * 3) == [[-1]] * 3
    assert run(build_tracker(), [[(box(50, 50), 0.9)], [(box(50, 50), 0.65)]]) == [[1], [1]]


def test_what_comes_later_is_confirmed_by_a_second_box() -> None:
    late = [[]] + [[(box(50, 50), 0.9)]] * 3
    assert run(build_tracker(), late) == [[], [-1], [1], [1]]
    assert run(build_tracker(confirm=1), late) == [[], [1], [1], [1]]
    assert run(build_tracker(confirm=3), late) == [[], [-1], [-1], [1]]
    assert run(build_tracker(), [[], late[1], [], late[1], []]) == [[], [-1], [], [-1], []]  # not in a row


@pytest.mark.parametrize(('gap', 'ids'), [(3, 1), (4, 2)])
def test_a_track_is_kept_for_so_many_frames(gap, ids) -> None:
    seen = [(box(50, 50), 0.9)]
    found = run(build_tracker(keep=3, confirm=1), [[seen[0]]] + [[]] * gap + [[seen[0]]])
    assert found == [[1]] + [[]] * gap + [[ids]]


def test_classes_do_not_mix() -> None:
    for by_class, expected in ((True, -1), (False, 1)):
        tracker = build_tracker(by_class=by_class)
        tracker.update(np.array([box(50, 50)]), np.array([0.9]), np.array([0]))
        assert tracker.update(np.array([box(50, 50)]), np.array([0.9]), np.array([1])).tolist() == [expected]


def test_reset_begins_anew() -> None:
    tracker = build_tracker()
    first = run(tracker, fast_target())
    tracker.reset()
    assert run(tracker, fast_target()) == first


def test_the_result_does_not_depend_on_the_order_of_boxes() -> None:
    """Up to the numbers of the ids."""
    rng = np.random.default_rng(3)
    one, other = build_tracker(cost='nwd'), build_tracker(cost='nwd')
    start, speed = rng.uniform(0, 400, (8, 2)), rng.uniform(-6, 6, (8, 2))
    names = {}
    for index in range(20):
        boxes = np.array([box(*place, side=8) for place in start + speed * index])
        order = rng.permutation(8)
        plain = one.update(boxes, np.full(8, 0.9), np.zeros(8))
        mixed = other.update(boxes[order], np.full(8, 0.9), np.zeros(8))
        for place, name in zip(order, mixed):
            assert names.setdefault(int(name), int(plain[place])) == plain[place]


def test_empty_frames() -> None:
    tracker = build_tracker()
    for boxes in (np.zeros((0, 4)), np.zeros(0), []):
        found = tracker.update(boxes, np.zeros(0), np.zeros(0))
        assert found.shape == (0,) and found.dtype.kind == 'i'
    assert tracker.tracks == []


@pytest.mark.parametrize(('boxes', 'scores', 'labels', 'words'), [
    ([[0, 0, np.nan, 5]], [0.9], [0], 'not finite'),
    ([[0, 0, 5, 5]], [np.nan], [0], 'not finite'),
    ([[0, 0, np.inf, 5]], [0.9], [0], 'not finite'),
    ([[5, 0, 1, 5]], [0.9], [0], 'x1, y1, x2, y2'),
    ([[0, 0, 5, 5]], [0.9, 0.9], [0], r'scores \(N,\)'),
    ([[0, 0, 5]], [0.9], [0], r'boxes \(N, 4\)')])
def test_bad_boxes_leave_the_tracks_as_they_were(boxes, scores, labels, words) -> None:
    tracker = build_tracker()
    run(tracker, [[(box(50, 50), 0.9)]])
    before = tracker.tracks[0].filter.box.copy()
    with pytest.raises(ValueError, match=words):
        tracker.update(np.array(boxes, dtype=float), np.array(scores), np.array(labels))
    assert len(tracker.tracks) == 1 and (tracker.tracks[0].filter.box == before).all()


@pytest.mark.parametrize(('settings', 'words'), [
    (dict(name='sort'), "no tracker 'sort', only byte"),
    (dict(cost='giou'), "no track cost 'giou', only buffered_iou, centre, iou, nwd"),
    (dict(cost=dict(type='nwd', buffer=1)), 'buffer'), (dict(kept=3), 'kept'),
    (dict(low=0.7), 'low <= high'), (dict(init=0.3), 'high <= init'), (dict(keep=-1), 'keep -1'),
    (dict(confirm=0), 'confirm 0'), (dict(limits=(1, 2)), 'three numbers'),
    (dict(limits=(1, 2, float('nan'))), 'three numbers'),
    (dict(camera_motion='orb'), "'phase'"), (dict(cost=dict(type='nwd', scale=0)), 'above 0'),
    (dict(cost=dict(type='centre', least=0)), 'above 0'),
    (dict(cost=dict(type='buffered_iou', buffer=-1)), '0 or more')])
def test_bad_settings(settings, words) -> None:
    with pytest.raises(ValueError, match=words):
        build_tracker(**settings)
