"""Costs, assignment, filter and camera motion, each against a twin of its own."""

import itertools

import cv2
import numpy as np
import pytest
from pycocotools import mask

from perception_kd.tracking import NWD, BufferedIoU, CentreDistance, IoU, build_tracker
from perception_kd.tracking.assignment import assign
from perception_kd.tracking.camera_motion import PhaseShift
from perception_kd.tracking.kalman import BoxFilter


def random_boxes(rng, count: int, reach: float = 40, side: float = 12) -> np.ndarray:
    start = rng.uniform(0, reach, (count, 2))
    return np.concatenate([start, start + rng.uniform(1, side, (count, 2))], axis=1)


def brute_force(costs: np.ndarray, limit: float) -> float:
    """Least sum of cost - limit over all ways to match some rows with some columns."""
    rows, columns = costs.shape
    best = 0.0
    for count in range(1, min(rows, columns) + 1):
        for chosen in itertools.combinations(range(rows), count):
            for order in itertools.permutations(range(columns), count):
                picked = costs[list(chosen), list(order)]
                if (picked <= limit).all():
                    best = min(best, float((picked - limit).sum()))
    return best


def test_iou_is_pycocotools() -> None:
    rng = np.random.default_rng(0)
    one, other = random_boxes(rng, 7), random_boxes(rng, 9)
    xywh = [np.concatenate([part[:, :2], part[:, 2:] - part[:, :2]], axis=1) for part in (one, other)]
    assert np.allclose(1 - IoU()(one, other), mask.iou(*xywh, [0] * 9))
    larger = [part + np.array([-2, -2, 2, 2]) for part in (one, other)]
    assert np.allclose(BufferedIoU(buffer=0, least=2)(one, other), IoU()(*larger))


def test_costs_by_hand() -> None:
    one, other = np.array([[0, 0, 4, 4.0]]), np.array([[12, 0, 16, 4.0], [0, 0, 4, 4]])
    assert IoU()(one, other).tolist() == [[1, 0]]
    assert CentreDistance()(one, other).tolist() == [[3, 0]]
    assert NWD()(one, other)[0] == pytest.approx([1 - np.exp(-12 / 12.8), 0])
    grown = np.array([[0, 0, 10, 20.0]])  # 0.3 of 10 and 20: -3..13, -6..26
    assert BufferedIoU(least=0)(grown, np.array([[13, 0, 23, 20.0]]))[0, 0] == pytest.approx(1 - 3 / 29)
    sizes = NWD(scale=2)(one, np.array([[-1, 0, 5, 4.0]]))  # one px more of half the width
    assert sizes[0, 0] == pytest.approx(1 - np.exp(-0.5))


@pytest.mark.parametrize('cost', [IoU(), BufferedIoU(), CentreDistance(), NWD()])
def test_costs_of_nothing_and_of_boxes_without_area(cost) -> None:
    boxes = np.array([[3, 3, 3, 3.0], [0, 0, 5, 5]])
    assert cost(boxes[:0], boxes).shape == (0, 2) and cost(boxes, boxes[:0]).shape == (2, 0)
    found = cost(boxes, boxes)
    assert np.isfinite(found).all() and (found >= 0).all() and found[1, 1] == 0
    assert np.allclose(found, found.T)


@pytest.mark.parametrize('seed', range(30))
def test_assignment_is_the_best_there_is(seed) -> None:
    rng = np.random.default_rng(seed)
    costs = rng.uniform(0, 1, tuple(rng.integers(1, 5, 2)))
    costs[rng.random(costs.shape) < 0.2] = np.inf
    limit = rng.uniform(0.2, 0.9)
    pairs = assign(costs, limit)
    assert sum(costs[pair] - limit for pair in pairs) == pytest.approx(brute_force(costs, limit))
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    assert all(costs[pair] <= limit for pair in pairs)


def test_assignment_of_nothing() -> None:
    assert assign(np.zeros((0, 3)), 1) == [] and assign(np.full((2, 2), np.inf), 1) == []


@pytest.mark.parametrize(('cost', 'kind'), [('nwd', NWD()), ('centre', CentreDistance()), ('iou', IoU())])
@pytest.mark.parametrize('seed', range(4))
def test_each_frame_of_linear_tracks_is_the_best_assignment(cost, kind, seed) -> None:
    """What the tracker pairs up is, frame by frame, what trying all pairings finds best."""
    rng = np.random.default_rng(seed)
    tracker = build_tracker(cost=cost, confirm=1)
    start, speed = rng.uniform(20, 90, (4, 2)), rng.uniform(-4, 4, (4, 2))
    for index in range(12):
        centres = (start + speed * index + rng.normal(0, 0.5, (4, 2)))[rng.permutation(4)[:rng.integers(1, 5)]]
        boxes = np.concatenate([centres - 4, centres + 4], axis=1)
        expected = np.array([self_predicted(track) for track in tracker.tracks]).reshape(-1, 4)
        before = {track.id: row for row, track in enumerate(tracker.tracks)}
        costs = kind(expected, boxes)
        ids = tracker.update(boxes, np.full(len(boxes), 0.9), np.zeros(len(boxes)))
        chosen = [costs[before[name], column] for column, name in enumerate(ids) if name in before]
        limit = kind.limits[0]
        assert sum(one - limit for one in chosen) == pytest.approx(brute_force(costs, limit))


def self_predicted(track) -> np.ndarray:
    """Where a track will be in the next frame."""
    twin = BoxFilter(np.array([0, 0, 1, 1.0]))
    twin.place, twin.velocity, twin.covariance = (getattr(track.filter, name).copy()
                                                  for name in ('place', 'velocity', 'covariance'))
    twin.predict(seen=track.missed == 0)
    return twin.box


def test_filter_is_the_textbooks_of_eight_states() -> None:
    """``x' = F x``, ``P' = F P F^T + Q``, ``K = P H^T (H P H^T + R)^-1`` with whole matrices."""
    rng = np.random.default_rng(5)
    boxes = [np.array([20 + 3 * step, 30 - step, 60 + 3 * step, 55 - step]) + rng.normal(0, 0.5, 4)
             for step in range(8)]
    ours = BoxFilter(boxes[0])
    state = np.concatenate([ours.place, ours.velocity])
    cov = np.diag(np.concatenate([ours.covariance[:, 0, 0], ours.covariance[:, 1, 1]]))
    move, see = np.eye(8) + np.eye(8, k=4), np.eye(4, 8)
    for box in boxes[1:]:
        side = np.sqrt(state[2] * state[3])
        ours.predict()
        state = move @ state
        new = np.sqrt(state[2] * state[3])
        noise = np.repeat([max(new / 20, 1)**2, max(new / 160, 0.25)**2], 4)
        cov = move @ cov @ move.T + np.diag(noise)
        assert side > 0 and np.allclose(np.concatenate([ours.place, ours.velocity]), state)
        seen = np.concatenate([(box[:2] + box[2:]) / 2, box[2:] - box[:2]])
        gain = cov @ see.T @ np.linalg.inv(see @ cov @ see.T + np.eye(4) * max(new / 20, 1)**2)
        state, cov = state + gain @ (seen - see @ state), (np.eye(8) - gain @ see) @ cov
        ours.correct(box)
        assert np.allclose(np.concatenate([ours.place, ours.velocity]), state)
        assert np.allclose(ours.covariance[:, 0, 1], np.diag(cov[:4, 4:]))
    assert np.allclose(ours.velocity[:2], [3, -1], atol=0.3)


def test_a_filter_holds_speed_and_forgets_growth_while_nothing_is_seen() -> None:
    one = BoxFilter(np.array([0, 0, 10, 10.0]))
    for step in range(1, 9):
        one.predict()
        one.correct(np.array([4 * step, 0, 4 * step + 10 + step, 10.0 + step]))
    size = one.place[2:].copy()
    for _ in range(5):
        one.predict(seen=False)
    assert one.place[0] == pytest.approx(4.5 * 13 + 5, abs=2) and np.array_equal(one.place[2:], size)


def texture(seed: int = 0) -> np.ndarray:
    """(200, 300, 3) smooth random texture, larger than what a camera sees of it."""
    noise = np.random.default_rng(seed).uniform(0, 255, (200, 300, 3))
    return cv2.GaussianBlur(noise, (0, 0), 2).clip(0, 255)


def seen_at(scene: np.ndarray, x: int, y: int) -> np.ndarray:
    """120 x 180 px of the scene from (x, y)."""
    view = scene[y:y + 120, x:x + 180]
    return ((view - view.min()) / (view.max() - view.min()) * 255).astype(np.uint8)


def test_shift_of_a_panning_camera() -> None:
    motion, scene = PhaseShift(), texture()
    assert motion(seen_at(scene, 50, 30)).tolist() == [0, 0]
    assert motion(seen_at(scene, 57, 26)) == pytest.approx([-7, 4], abs=0.2)
    large = [cv2.resize(seen_at(scene, x, 30), None, fx=4, fy=4) for x in (50, 56)]
    motion.reset()
    assert motion(large[0]).tolist() == [0, 0]
    assert motion(large[1]) == pytest.approx([-24, 0], abs=1)


def test_no_shift_is_made_up() -> None:
    motion, rng = PhaseShift(), np.random.default_rng(0)
    for _ in range(3):
        assert motion(rng.integers(118, 122, (120, 180), dtype=np.uint8)).tolist() == [0, 0]
    motion.reset()
    for _ in range(2):
        assert motion(np.full((120, 180), 90, np.uint8)) == pytest.approx([0, 0], abs=1e-6)


def test_a_pan_of_the_camera_is_taken_off() -> None:
    """A target that stands still in the world is jerked over the picture: only with compensation it keeps its id."""
    scene, places = texture(1), [(60, 40), (60, 40), (95, 20), (30, 55), (90, 40), (60, 10)]
    found = {}
    for name in (None, 'phase'):
        tracker = build_tracker(cost='nwd', camera_motion=name)
        found[name] = [tracker.update(np.array([[140 - x, 90 - y, 148 - x, 98 - y]], dtype=float), np.array([0.9]),
                                      np.array([0]), image=seen_at(scene, x, y)).tolist() for x, y in places]
    assert found['phase'] == [[1]] * 6 and found[None] != [[1]] * 6


def test_camera_motion_needs_pictures_of_one_size() -> None:
    tracker, empty = build_tracker(camera_motion='phase'), (np.zeros((0, 4)), np.zeros(0), np.zeros(0))
    with pytest.raises(ValueError, match='image=frame'):
        tracker.update(*empty)
    tracker.update(*empty, image=np.zeros((64, 64), np.uint8))
    with pytest.raises(ValueError, match='reset the tracker between videos'):
        tracker.update(*empty, image=np.zeros((80, 64), np.uint8))
    with pytest.raises(ValueError, match='16 px or more'):
        tracker.update(*empty, image=np.zeros(64))
    tracker.reset()
    tracker.update(*empty, image=np.zeros((80, 64), np.uint8))
