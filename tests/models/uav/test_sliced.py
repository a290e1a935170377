"""Tiles: nothing lost, nothing double; merging as SAHI's; weights with the bare detector's names."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mmdet.structures import DetDataSample
from mmengine.runner import load_checkpoint

from perception_kd.distill.weights import load_strictly
from perception_kd.models.uav.box_merging import Detections, merge_boxes, overlaps
from perception_kd.models.uav.sliced import SlicedDetector
from perception_kd.models.uav.tiles import Tile, Tiling, cut_at_border
from perception_kd.registry import MODELS
from tests.blob_detector import BlobDetector, painted


def rows_of(found) -> list[list[float]]:
    """Boxes and labels, sorted."""
    return sorted([*box, label] for box, label in zip(found.bboxes.tolist(), found.labels.tolist()))


def grid_of_boxes(rng, height: int, width: int, largest: int) -> tuple[np.ndarray, list[int]]:
    """Rectangles up to ``largest`` px that do not touch, anywhere in the picture; xyxy and labels."""
    cell, boxes = largest + 2, []
    shift = rng.integers(0, cell, 2)
    for top in range(-int(shift[0]), height, cell):
        for left in range(-int(shift[1]), width, cell):
            w, h = rng.integers(1, largest + 1, 2)
            x, y = left + 1 + rng.integers(0, largest - w + 1), top + 1 + rng.integers(0, largest - h + 1)
            box = [max(x, 0), max(y, 0), min(x + w, width), min(y + h, height)]
            if box[2] > box[0] and box[3] > box[1] and rng.random() < 0.6:
                boxes.append(box)
    return np.array(boxes).reshape(-1, 4), rng.integers(0, 2, len(boxes)).tolist()


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 150), width=st.integers(1, 150), tile=st.integers(16, 96),
       part=st.floats(0.0, 0.9), batch=st.integers(1, 9), full=st.booleans(), merge=st.sampled_from(['nms', 'nmm']))
def test_none_lost_and_none_double(seed, height, width, tile, part, batch, full, merge):
    """Targets of up to half the overlap, in any picture, come back exactly once and exactly as they are."""
    shared = max(int(part * tile), 6)
    boxes, labels = grid_of_boxes(np.random.default_rng(seed), height, width, shared // 2)
    image = painted(height, width, boxes, labels)
    fits = height <= tile and width <= tile
    model = SlicedDetector(detector=BlobDetector(), tile=tile, overlap=shared, batch_tiles=batch, merge=merge,
                           full_pass=full and fits, max_per_img=10**6)
    found = model.detect(image)
    assert rows_of(found) == sorted([*map(float, box), label] for box, label in zip(boxes.tolist(), labels))
    assert rows_of(found) == rows_of(SlicedDetector(detector=BlobDetector(), tile=150, max_per_img=10**6).detect(image))


def test_targets_larger_than_tiles_are_put_together():
    boxes = [[10, 20, 150, 30], [40, 60, 52, 170], [100, 100, 140, 150]]
    model = SlicedDetector(detector=BlobDetector(), tile=64, overlap=0.5, merge='nmm', threshold=0.2, full_pass=False)
    assert rows_of(model.detect(painted(180, 200, boxes))) == sorted([*map(float, box), 0] for box in boxes)


def test_pieces_of_a_large_target_give_way_to_the_whole():
    boxes = [[40, 40, 168, 152], [10, 10, 14, 16]]
    image = painted(192, 192, boxes)
    model = SlicedDetector(detector=BlobDetector(), tile=64, overlap=0.25)
    large, small = sorted(rows_of(model.detect(image)), reverse=True)
    assert small == [10, 10, 14, 16, 0]
    np.testing.assert_allclose(large[:4], boxes[0], atol=3.1)  # as the whole picture has it, three times smaller
    model.full_pass = False
    assert len(model.detect(image)) > 2


def test_what_the_detector_is_shown():
    detector = BlobDetector()
    SlicedDetector(detector=detector, tile=640, overlap=0.2, batch_tiles=4).detect(painted(1080, 1920, []))
    assert detector.calls == [(4, 3, 640, 640), (4, 3, 640, 640), (1, 3, 640, 640)]  # 4 x 2 tiles and the whole
    detector.calls.clear()
    SlicedDetector(detector=detector, tile=640).detect(painted(50, 640, []))
    assert detector.calls == [(1, 3, 640, 640)]


def test_enlarged_tiles_give_boxes_of_the_original():
    boxes = [[30, 42, 38, 50], [100, 90, 110, 99]]
    model = SlicedDetector(detector=BlobDetector(), tile=64, overlap=0.5, input_size=128, full_pass=False)
    found = torch.tensor(rows_of(model.detect(painted(120, 130, boxes))))
    torch.testing.assert_close(found[:, :4], torch.tensor(boxes).float(), atol=0.51, rtol=0)


def test_resized_and_padded_inputs_give_boxes_of_the_original():
    image = painted(100, 140, [[20, 30, 30, 44], [100, 70, 120, 90]])
    sample = DetDataSample(metainfo=dict(img_id=7, img_path='x', ori_shape=(50, 70), img_shape=(100, 140),
                                         scale_factor=(2.0, 2.0)))
    other = DetDataSample(metainfo=dict(img_shape=(100, 150), ori_shape=(100, 140), scale_factor=(1.0, 1.0),
                                        pad_param=(0, 0, 10, 0)))
    shifted = np.pad(image, ((0, 0), (10, 0), (0, 0)))
    model = SlicedDetector(detector=BlobDetector(), tile=48, overlap=40)
    tensors = [torch.from_numpy(one.copy()).permute(2, 0, 1) for one in (image, shifted)]
    first, second = model.test_step(dict(inputs=tensors, data_samples=[sample, other]))
    assert rows_of(first.pred_instances) == [[10, 15, 15, 22, 0], [50, 35, 60, 45, 0]]
    assert rows_of(second.pred_instances) == [[20, 30, 30, 44, 0], [100, 70, 120, 90, 0]]
    assert first.img_id == 7 and first.pred_instances.scores.dtype == torch.float32


def test_beyond_the_picture_there_is_the_grey_of_letterboxes():
    seen = []

    class Keeping(BlobDetector):
        def predict(self, batch_inputs, batch_data_samples, rescale=True):
            seen.append(batch_inputs)
            return super().predict(batch_inputs, batch_data_samples)

    SlicedDetector(detector=Keeping(), tile=64).detect(painted(20, 30, []))
    assert torch.equal(seen[0][0, :, 20:], torch.full((3, 44, 64), 114 / 255))
    assert torch.allclose(seen[0][0, :, :20, :30], torch.tensor(60 / 255))


@settings(max_examples=100, deadline=None)
@given(length=st.integers(1, 3000), tile=st.integers(1, 700), part=st.floats(0, 0.95))
def test_tiles_cover_and_share_what_was_asked_for(length, tile, part):
    tiling = Tiling(tile=tile, overlap=part if math.ceil(part * tile) < tile else 0)
    tiles = tiling.tiles(length, 1)
    starts = [one.y for one in tiles]
    assert starts[0] == 0 and starts[-1] + tiles[-1].height == length and starts == sorted(set(starts))
    shares = [first.y + first.height - second.y for first, second in pairwise(tiles)]
    assert all(share >= tiling.shared for share in shares)
    assert len(tiles) == (1 if length <= tile else -(-(length - tiling.shared) // (tile - tiling.shared)))
    cores = [(one.core[1], one.core[3]) for one in tiles]
    assert cores[0][0] == -np.inf and cores[-1][1] == np.inf
    assert all(first[1] == second[0] for first, second in pairwise(cores))


def test_the_border_rule_by_hand():
    tile = Tile(100, 0, 100, 50, (110, -np.inf, 190, np.inf))  # neighbours at the left and at the right share 20 px
    boxes = torch.tensor([[100., 10, 108, 20],   # cut by the left edge, centre in the neighbour's core
                          [100, 10, 130, 20],    # cut, but its centre is this tile's
                          [103, 10, 109, 20],    # whole: the two will be merged
                          [185, 10, 199, 20],    # touches the right edge within the margin, centre beyond the core
                          [140, 0, 150, 50]])    # the picture's edges cut nothing
    assert cut_at_border(boxes, tile, 2).tolist() == [True, False, False, True, False]


@pytest.mark.parametrize(('metric', 'expected'), [('iou', 20 / 80), ('ios', 20 / 25)])
def test_overlaps_by_hand(metric, expected):
    boxes = torch.tensor([[0., 0, 10, 7.5], [5, 3.5, 10, 8.5], [3, 3, 3, 9]])
    assert overlaps(boxes[:1], boxes[1:], metric).tolist()[0] == pytest.approx([expected, 0])


SAHI = {  # what SAHI 0.12.8 leaves of the boxes below: how many, sum of coordinates times 1..4, sum of areas times 1..2
    ('nms', 'iou', 0.1): (64, 75449, 75856), ('nms', 'iou', 0.5): (116, 140863, 165074),
    ('nms', 'iou', 0.8): (120, 146024, 181173), ('nms', 'ios', 0.1): (47, 55723, 52408),
    ('nms', 'ios', 0.5): (68, 82171, 95349), ('nms', 'ios', 0.8): (91, 112137, 124163),
    ('greedy_nmm', 'iou', 0.1): (64, 76972, 158550), ('greedy_nmm', 'iou', 0.5): (116, 140876, 169946),
    ('greedy_nmm', 'iou', 0.8): (120, 146024, 181173), ('greedy_nmm', 'ios', 0.1): (47, 57373, 177620),
    ('greedy_nmm', 'ios', 0.5): (68, 82885, 149662), ('greedy_nmm', 'ios', 0.8): (91, 112436, 154984),
    ('nmm', 'iou', 0.1): (50, 60412, 140535), ('nmm', 'iou', 0.5): (116, 140876, 169946),
    ('nmm', 'iou', 0.8): (120, 146024, 181173), ('nmm', 'ios', 0.1): (34, 43263, 176327),
    ('nmm', 'ios', 0.5): (60, 71784, 140010), ('nmm', 'ios', 0.8): (83, 101381, 139068)}


def random_boxes() -> Detections:
    """120 boxes of two classes, strongest first."""
    rng = np.random.default_rng(3)
    low = rng.integers(0, 200, (120, 2))
    boxes = np.concatenate([low, low + rng.integers(5, 60, (120, 2))], 1)
    return Detections(torch.from_numpy(boxes).float(), torch.from_numpy(np.sort(rng.random(120))[::-1].copy()),
                      torch.from_numpy(rng.integers(0, 2, 120)))


@pytest.mark.parametrize(('case', 'expected'), SAHI.items())
def test_merging_is_that_of_sahi(case, expected):
    method, metric, threshold = case
    merged = merge_boxes(random_boxes(), method=method, metric=metric, threshold=threshold)
    areas = (merged.boxes[:, 2:] - merged.boxes[:, :2]).prod(-1) * (1 + merged.labels)
    sums = (merged.boxes * torch.arange(1, 5)).sum(), areas.sum()
    assert (len(merged.boxes), *(int(one) for one in sums)) == expected
    assert merged.scores.tolist() == sorted(merged.scores.tolist(), reverse=True)


def test_merging_is_that_of_the_sahi_that_is_installed():
    combine = pytest.importorskip('sahi.postprocess.combine')
    from sahi.prediction import ObjectPrediction

    kinds = dict(nms=combine.NMSPostprocess, greedy_nmm=combine.GreedyNMMPostprocess, nmm=combine.NMMPostprocess)
    found = random_boxes()
    for method, metric, threshold in SAHI:
        merge = kinds[method](match_threshold=threshold, match_metric=metric.upper(), class_agnostic=False)
        left = merge([ObjectPrediction(bbox=box, score=score, category_id=label, full_shape=[400, 400])
                      for box, score, label in zip(*(part.tolist() for part in found))])
        ours = merge_boxes(found, method=method, metric=metric, threshold=threshold)
        assert sorted([*one.bbox.to_xyxy(), one.category.id] for one in left) == sorted(
            [*box, label] for box, label in zip(ours.boxes.tolist(), ours.labels.tolist()))


def test_faint_boxes_do_not_blow_up_good_ones():
    found = Detections(torch.tensor([[10., 10, 20, 20], [0, 0, 100, 100], [12, 12, 22, 22]]),
                       torch.tensor([0.9, 0.01, 0.6]), torch.zeros(3, dtype=torch.long))
    blown = merge_boxes(found, method='greedy_nmm')
    assert blown.boxes.tolist() == [[0, 0, 100, 100]]
    merged = merge_boxes(found, method='greedy_nmm', merge_score=0.1)
    assert merged.boxes.tolist() == [[10, 10, 22, 22]] and merged.scores.tolist() == [pytest.approx(0.9)]


def test_no_boxes_and_damaged_boxes():
    model = SlicedDetector(detector=BlobDetector(), tile=32)
    found = model.detect(painted(50, 50, []))
    assert found.bboxes.shape == (0, 4) and found.scores.shape == (0,) and found.labels.dtype == torch.long

    class Broken(BlobDetector):
        def predict(self, batch_inputs, batch_data_samples, rescale=True):
            for sample in super().predict(batch_inputs, batch_data_samples):
                sample.pred_instances.bboxes = sample.pred_instances.bboxes * torch.nan
            return batch_data_samples

    assert len(SlicedDetector(detector=Broken(), tile=32).detect(painted(50, 50, [[3, 3, 9, 9]]))) == 0


def test_weights_are_named_as_the_bare_detector_has_them(tmp_path):
    torch.manual_seed(0)
    bare = BlobDetector()
    sliced = MODELS.build(dict(type='SlicedDetector', detector=dict(type='BlobDetector'), tile=64))
    assert sliced.state_dict().keys() == bare.state_dict().keys()
    load_strictly(sliced, bare.state_dict())
    assert torch.equal(sliced.detector.net.weight, bare.net.weight)
    torch.save(dict(state_dict={name: value + 1 for name, value in bare.state_dict().items()}), tmp_path / 'a.pth')
    load_checkpoint(sliced, str(tmp_path / 'a.pth'), strict=True)
    assert torch.equal(sliced.detector.net.weight, bare.net.weight + 1)
    bare.load_state_dict(sliced.state_dict())
    outer = torch.nn.ModuleDict(dict(student=sliced))
    assert set(outer.state_dict()) == {'student.net.weight', 'student.net.bias'}
    outer.load_state_dict({name: value * 0 for name, value in outer.state_dict().items()})
    assert not sliced.detector.net.weight.any()


@pytest.mark.parametrize(('settings', 'line'), [
    (dict(tile=0), 'tile is a number of px above 0'), (dict(overlap=640), 'less than the tile'),
    (dict(overlap=-0.1), 'overlap is 0 or more'), (dict(overlap=float('nan')), 'overlap is 0 or more'),
    (dict(merge='wbf'), 'boxes are merged by one of nms, greedy_nmm, nmm'), (dict(metric='giou'), 'one of iou, ios'),
    (dict(threshold=0), 'threshold of overlaps'), (dict(batch_tiles=0), 'batch_tiles and max_per_img are 1 or more')])
def test_impossible_settings_are_refused(settings, line):
    with pytest.raises(ValueError, match=line):
        SlicedDetector(detector=BlobDetector(), **settings)


def test_it_predicts_only_and_pictures_only():
    model = SlicedDetector(detector=BlobDetector())
    with pytest.raises(NotImplementedError, match='train its detector'):
        model(torch.zeros(1, 3, 8, 8), [], mode='loss')
    assert model(torch.zeros(1, 3, 8, 8))[0]['classes'].shape == (1, 2, 8, 8)
    with pytest.raises(ValueError, match='uint8'):
        model.detect(np.zeros((4, 4), np.uint8))
