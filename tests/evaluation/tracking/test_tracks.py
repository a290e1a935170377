"""Figures of tracks against values worked out by hand, and the command line."""

import json
import math
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('trackeval')

from perception_kd.evaluation.tracking import TrackRules, read_videos, score_tracks
from perception_kd.evaluation.tracking.state_accuracy import state_accuracy
from perception_kd.evaluation.tracking.videos import Boxes, Frame, Video
from perception_kd.tracking import build_tracker

TOOL = str(Path(__file__).parents[3] / 'tools/evaluate.py')


def boxes(*rows) -> Boxes:
    """Of (id, x, y[, score]), 10 px large."""
    return Boxes(np.array([[row[1], row[2], 10, 10] for row in rows], float).reshape(-1, 4),
                 np.array([row[0] for row in rows], np.int64), np.zeros(len(rows), np.int64),
                 np.array([row[3] if len(row) > 3 else 1 for row in rows], float))


def video(truth, found, name: str = 'one') -> Video:
    return Video(name, tuple(Frame(boxes(*one), boxes(*other)) for one, other in zip(truth, found)))


def figures(truth, found, **rules) -> dict:
    return score_tracks([video(truth, found)], TrackRules(**rules)).total


def test_perfect_tracks() -> None:
    truth = [[(7, 10 * step, 0), (9, 10 * step, 50)] for step in range(5)]
    found = figures(truth, [[(3, 10 * step, 0), (1, 10 * step, 50)] for step in range(5)])
    assert all(found[name] == pytest.approx(1) for name in ('HOTA', 'DetA', 'AssA', 'LocA', 'MOTA', 'IDF1', 'MOTP'))
    assert (found['targets'], found['tracks'], found['frames'], found['switches']) == (2, 2, 5, 0)
    assert found['mostly_tracked'] == 2 and found['found'] == 10 and math.isnan(found['SA'])


def test_a_switch_by_hand() -> None:
    """Ten frames, six with one id and four with another."""
    truth = [[(1, step, 0)] for step in range(10)]
    found = figures(truth, [[(1 if step < 6 else 2, step, 0)] for step in range(10)])
    assert found['MOTA'] == pytest.approx(1 - 1 / 10) and found['switches'] == 1
    assert found['IDF1'] == pytest.approx(0.6)
    assert found['AssA'] == pytest.approx((6 * 6 / 10 + 4 * 4 / 10) / 10) and found['DetA'] == pytest.approx(1)
    assert found['HOTA'] == pytest.approx(math.sqrt(0.52)) and found['SA'] == pytest.approx(1)


def test_misses_and_false_alarms_by_hand() -> None:
    """Eight frames with the target, found in six; two boxes elsewhere, of one track."""
    truth = [[(1, 0, 0)]] * 8
    found = figures(truth, [[(5, 0, 0)]] * 6 + [[(6, 200, 200)]] * 2)
    assert found['MOTA'] == pytest.approx(1 - (2 + 2) / 8) and (found['missed'], found['false']) == (2, 2)
    assert found['IDF1'] == pytest.approx(2 * 6 / (8 + 8))
    assert found['DetA'] == pytest.approx(6 / 10) and found['AssA'] == pytest.approx(6 / 8)
    gap = figures(truth, [[(5, 0, 0)]] * 3 + [[]] * 2 + [[(5, 0, 0)]] * 3)
    assert gap['switches'] == 0 and gap['MOTA'] == pytest.approx(6 / 8)


def test_localisation_decides_by_threshold() -> None:
    """2.5 px off of 10: IoU 0.6; as Gaussians 2.5 px apart."""
    truth, found = [[(1, 0, 0)]] * 4, [[(1, 2.5, 0)]] * 4
    assert figures(truth, found)['MOTA'] == pytest.approx(1) and figures(truth, found)['MOTP'] == pytest.approx(0.6)
    assert figures(truth, found, threshold=0.65)['MOTA'] == pytest.approx(-1)  # all missed, all false
    assert figures(truth, found)['HOTA'] == pytest.approx(12 / 19)  # alpha 0.05 ... 0.60 of 0.05 ... 0.95
    near = figures(truth, found, similarity='nwd', threshold=0.8)
    assert near['MOTA'] == pytest.approx(1) and near['MOTP'] == pytest.approx(math.exp(-2.5 / 12.8))


def test_identity_score_is_the_best_of_all_pairings() -> None:
    from itertools import permutations

    rng = np.random.default_rng(0)
    for _ in range(5):
        truth = [[(name, 40 * name, 0) for name in range(4) if rng.random() < 0.8] for _ in range(12)]
        found = [[(int(name), 40 * place, 0) for place, name in enumerate(rng.permutation(4)) if rng.random() < 0.8]
                 for _ in range(12)]
        shared = np.zeros((4, 4))
        for true, guess in zip(truth, found):
            for name, x, _ in true:
                for other, place, _ in guess:
                    shared[name, other] += x == place
        best = max(sum(shared[name, other] for name, other in enumerate(order)) for order in permutations(range(4)))
        total = sum(map(len, truth)) + sum(map(len, found))
        assert figures(truth, found)['IDF1'] == pytest.approx(2 * best / total)


def test_several_videos_add_up() -> None:
    """Ids of one video have nothing to do with those of another."""
    good = video([[(1, 0, 0)]] * 6, [[(1, 0, 0)]] * 6, 'good')
    bad = video([[(1, 0, 0)]] * 2, [[(1, 90, 90)]] * 2, 'bad')
    found = score_tracks([good, bad])
    assert found.total['MOTA'] == pytest.approx(1 - (2 + 2) / 8) and found.total['targets'] == 2
    assert found.videos['good']['MOTA'] == pytest.approx(1) and found.videos['bad']['MOTA'] == pytest.approx(-1)
    assert found.total['SA'] == pytest.approx(0.5) and list(found.videos) == ['good', 'bad']


def test_videos_without_targets_or_tracks() -> None:
    assert math.isnan(figures([[]] * 3, [[(1, 0, 0)]] * 3)['MOTA'])
    assert figures([[]] * 3, [[(1, 0, 0)]] * 3)['false'] == 3 and figures([[]] * 3, [[]] * 3)['SA'] == 1
    nothing = figures([[(1, 0, 0)]] * 4, [[]] * 4)
    assert nothing['MOTA'] == 0 and nothing['HOTA'] == 0 and nothing['missed'] == 4
    assert nothing['SA'] == pytest.approx(-0.2)


def test_false_boxes_in_ignored_regions_do_not_count() -> None:
    frame = Frame(boxes((1, 0, 0)), boxes((1, 0, 0), (2, 100, 100), (3, 60, 60)),
                  np.array([[90, 90, 40, 40.0], [0, 0, 50, 50]]))
    found = score_tracks([Video('one', (frame,))]).total
    assert found['found'] == 1 and found['false'] == 1 and found['tracks'] == 2  # the one at 60, 60 is in no region


def test_classes_do_not_match_each_other() -> None:
    one, other = boxes((1, 0, 0)), boxes((1, 0, 0))
    frame = Frame(one, Boxes(other.boxes, other.ids, np.ones(1, np.int64), other.scores))
    assert score_tracks([Video('one', (frame,))]).total['MOTA'] == pytest.approx(-1)


def test_state_accuracy_by_hand() -> None:
    """Five frames: found at IoU 0.6, missed, away and told so, away and not, found with a worse box beside."""
    truth = [[(1, 0, 0)], [(1, 0, 0)], [], [], [(1, 0, 0)]]
    found = [[(1, 2.5, 0)], [], [], [(1, 0, 0)], [(1, 0, 0, 0.9), (2, 50, 50, 0.4)]]
    assert state_accuracy(video(truth, found)) == pytest.approx((0.6 + 0 + 1 + 0 + 1) / 5 - 0.2 * (1 / 3)**0.3)
    assert state_accuracy(video([[(1, 0, 0), (2, 50, 50)]], [[]])) is None
    assert state_accuracy(Video('empty', ())) is None


@pytest.mark.parametrize('settings', [dict(threshold=0), dict(threshold=float('nan')), dict(similarity='giou'),
                                      dict(scale=0)])
def test_bad_rules(settings) -> None:
    with pytest.raises(ValueError, match=r'threshold|similarity'):
        TrackRules(**settings)


@pytest.fixture
def files(tmp_path):
    """A 5-px target in two videos, 12 px a frame, with the tracks that two trackers make of its boxes."""
    images, annotations, results = [], [], {'iou': [], 'nwd': []}
    for place in (1, 2):
        trackers = {cost: build_tracker(cost=cost) for cost in results}
        for step in range(12):
            image, box = 100 * place + step, [20 + 12 * step, 30 * place, 5, 5]
            images.insert(0, dict(id=image, file_name=f'{image}.jpg', width=300, height=200, video_id=place,
                                  frame_id=step))
            annotations.append(dict(id=image, image_id=image, category_id=1, bbox=box, area=25, iscrowd=0,
                                    instance_id=4))
            found = np.array([[box[0], box[1], box[0] + 5, box[1] + 5]] * (step != 5), float).reshape(-1, 4)
            for cost, tracker in trackers.items():
                ids = tracker.update(found, np.full(len(found), 0.9), np.zeros(len(found)))
                results[cost] += [dict(image_id=image, category_id=1, bbox=box, score=0.9, track_id=int(name))
                                  for name in ids]
    ann = dict(videos=[dict(id=place, name=f'v{place}') for place in (1, 2)], images=images, annotations=annotations,
               categories=[dict(id=1, name='drone')])
    (tmp_path / 'ann.json').write_text(json.dumps(ann))
    for cost, rows in results.items():
        (tmp_path / f'{cost}.json').write_text(json.dumps(rows))
    return tmp_path


def command(monkeypatch, *words) -> object:
    monkeypatch.setattr(sys, 'argv', [TOOL, 'tracks', *map(str, words)])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(TOOL, run_name='__main__')
    return end.value.code


def test_the_tool_tells_trackers_apart(files, monkeypatch, capsys) -> None:
    assert not command(monkeypatch, files / 'nwd.json', '--ann', files / 'ann.json', '--out', files / 'out')
    shown = capsys.readouterr().out
    content = json.loads((files / 'out/track_metrics.json').read_text())
    good = content['metrics']
    assert good['MOTA'] == pytest.approx(22 / 24) and good['IDF1'] == pytest.approx(2 * 22 / 46) and good['missed'] == 2
    assert good['SA'] == pytest.approx(11 / 12 - 0.2 * (1 / 12)**0.3) and good['tracks'] == 2
    assert list(content['videos']) == ['v1', 'v2'] and content['rules']['threshold'] == 0.5
    assert '91.67' in shown and 'all videos' in shown
    assert not command(monkeypatch, files / 'iou.json', '--ann', files / 'ann.json', '--out', files / 'iou')
    poor = json.loads((files / 'iou/track_metrics.json').read_text())['metrics']
    assert poor['MOTA'] == pytest.approx(2 / 24) and poor['missed'] == 22


def spoilt(files, file: str, change) -> None:
    content = json.loads((files / file).read_text())
    change(content)
    (files / file).write_text(json.dumps(content))


@pytest.mark.parametrize(('file', 'change', 'words'), [
    ('nwd.json', lambda rows: [row.pop('track_id') for row in rows], 'has a track_id'),
    ('nwd.json', lambda rows: rows[0].update(track_id='a'), "track_id 'a' of image"),
    ('nwd.json', lambda rows: rows.append(dict(rows[0])), 'track_id 1 stands twice in image 100'),
    ('nwd.json', lambda rows: rows[0].update(image_id=9), 'is of image 9'),
    ('nwd.json', lambda rows: rows[0].update(bbox=[0, 0, float('nan'), 3]), 'bbox is'),
    ('nwd.json', lambda rows: rows[0].update(score=None), 'score is None'),
    ('ann.json', lambda ann: ann['annotations'][0].pop('instance_id'), 'has no instance_id'),
    ('ann.json', lambda ann: [image.pop('video_id') for image in ann['images']], 'no picture has a video_id'),
    ('ann.json', lambda ann: ann['images'][0].pop('frame_id'), 'has no frame_id'),
    ('ann.json', lambda ann: ann['categories'][0].update(name='bird'), 'no category drone')])
def test_bad_files_are_told_in_one_line(files, file, change, words, monkeypatch, capsys) -> None:
    spoilt(files, file, change)
    assert command(monkeypatch, files / 'nwd.json', '--ann', files / 'ann.json', '--out', files / 'out') == 1
    said = capsys.readouterr().err
    assert words in said and file in said and said.count('\n') == 1 and not (files / 'out').exists()


def test_scores_and_rows_without_track_are_left_out(files) -> None:
    spoilt(files, 'nwd.json', lambda rows: rows[0].update(score=0.2))
    spoilt(files, 'nwd.json', lambda rows: rows.append(dict(rows[1], track_id=-1)))
    assert sum(len(frame.found.ids) for one in read_videos(files / 'nwd.json', files / 'ann.json', least_score=0.5)
               for frame in one.frames) == 21
    with pytest.raises(ValueError, match='of that score'):
        read_videos(files / 'nwd.json', files / 'ann.json', least_score=0.95)
