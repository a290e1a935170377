"""The assignment against hand examples at the border and against loops."""

from __future__ import annotations

import math

import torch

from perception_kd.models.uav.anchor_assign import Matches, assign_level, fitting_anchors, shape_ratio


def brute(centres, sizes, anchors, shape, limit=4.0) -> set[tuple[int, int, int, int]]:
    """Row, anchor, y, x by the words of the rule."""
    found = set()
    for row, ((cx, cy), (w, h)) in enumerate(zip(centres.tolist(), sizes.tolist())):
        for index, (aw, ah) in enumerate(anchors.tolist()):
            if max(w / aw, aw / w, h / ah, ah / h) >= limit:
                continue
            x, y = math.floor(cx), math.floor(cy)
            cells = [(x, y)]
            if cx - x != 0.5:
                cells.append((x - 1, y) if cx - x < 0.5 else (x + 1, y))
            if cy - y != 0.5:
                cells.append((x, y - 1) if cy - y < 0.5 else (x, y + 1))
            found |= {(row, index, cy_, cx_) for cx_, cy_ in cells if 0 <= cx_ < shape[1] and 0 <= cy_ < shape[0]}
    return found


def assigned(centres, sizes, anchors, shape, limit=4.0) -> Matches:
    """Of one level, without the rule for boxes that fit no anchor."""
    return assign_level(centres, shape_ratio(sizes, anchors) < limit, shape)


def as_set(match) -> set[tuple[int, int, int, int]]:
    rows = list(zip(*(part.tolist() for part in match)))
    assert len(rows) == len(set(rows)), 'a place twice for one box'
    return set(rows)


def test_hand_examples():
    anchors = torch.tensor([[1.0, 1.0]])

    def cells(cx: float, cy: float, w: float = 1.0) -> set[tuple[int, int]]:
        match = assigned(torch.tensor([[cx, cy]]), torch.tensor([[w, 1.0]]), anchors, (4, 6))
        return {(y, x) for _, _, y, x in as_set(match)}

    assert cells(2.3, 1.6) == {(1, 2), (1, 1), (2, 2)}
    assert cells(0.3, 0.2) == {(0, 0)}  # both neighbours are outside
    assert cells(5.9, 3.7) == {(3, 5)}
    assert cells(5.2, 0.7) == {(0, 5), (0, 4), (1, 5)}
    assert cells(2.5, 1.5) == {(1, 2)}  # nothing is nearer
    assert cells(2.3, 1.6, w=4.0) == set() and len(cells(2.3, 1.6, w=3.99)) == 3  # below 4, not at it
    assert cells(2.3, 1.6, w=0.25) == set() and len(cells(2.3, 1.6, w=0.26)) == 3


def test_equals_the_loops():
    g = torch.Generator().manual_seed(1)
    shape = (5, 7)
    centres = torch.rand(60, 2, generator=g) * torch.tensor([7.0, 5.0])
    sizes = torch.rand(60, 2, generator=g) * 8 + 0.05
    anchors = torch.tensor([[1.25, 1.6], [2.0, 3.75], [4.1, 2.9]])
    found = as_set(assigned(centres, sizes, anchors, shape))
    assert found == brute(centres, sizes, anchors, shape) and len(found) > 200
    assert as_set(assigned(centres, sizes, anchors, shape, limit=2.0)) == brute(centres, sizes, anchors, shape, 2.0)


def test_no_boxes_and_the_last_float_of_the_map():
    none = assigned(torch.zeros(0, 2), torch.zeros(0, 2), torch.ones(3, 2), (4, 4))
    assert all(part.shape == (0,) and part.dtype == torch.long for part in none)
    edge = torch.tensor([[3.9999999, 4.0]])  # float32 rounds the first up to 4
    assert as_set(assigned(edge, torch.ones(1, 2), torch.ones(1, 2), (4, 4))) == {(0, 0, 3, 3)}


def test_the_ratio():
    found = shape_ratio(torch.tensor([[4.0, 2.0]]), torch.tensor([[1.0, 2.0], [4.0, 8.0], [4.0, 2.0]]))
    assert found.tolist() == [[4.0, 4.0, 1.0]]


def test_a_box_that_fits_no_anchor_goes_to_the_nearest_of_all_levels():
    levels = [torch.tensor([[10.0, 13], [16, 30]]), torch.tensor([[30.0, 61], [62, 45]])]
    sizes = torch.tensor([[3.0, 3], [12, 20], [900, 20], [300, 170]])
    found = torch.cat(fitting_anchors(sizes, levels), 1)
    # Smallest ratios of the rows: 4.3, 1.5, 14.5 and 4.8, so all but the second fit nothing.
    assert found.tolist() == [[True, False, False, False], [True, True, True, False], [False, False, False, True],
                              [False, False, False, True]]
    assert [tuple(level.shape) for level in fitting_anchors(sizes[:0], levels)] == [(0, 2), (0, 2)]
