"""``tools/infer.py`` on pictures, videos and lists with drones, from the command line to every file."""

import csv
import json
import os
import signal
from pathlib import Path

import cv2
import numpy as np
import pytest
from pycocotools.coco import COCO

from perception_kd.engine.build import load_config
from perception_kd.inference.uav.inputs import Inputs, sources_of
from perception_kd.inference.uav.job import Wanted, infer_uav
from perception_kd.inference.uav.predictor import load_predictor
from tests.blob_detector import painted
from tests.inference.uav.conftest import film_of, moving, save, save_video

BOXES = [[[30, 20, 38, 26], [100, 60, 108, 70]], [], [[5, 5, 9, 11]]]


@pytest.fixture
def pictures(tmp_path) -> Path:
    """A folder of three pictures, of which the second has no target and the last a bird."""
    for number, boxes in enumerate(BOXES):
        labels = [0, 0] if number == 0 else [1]
        save(tmp_path / f'in/{[9, 10, 200][number]}.png', painted(96, 128, boxes, labels, values=(255, 220)))
    return tmp_path / 'in'


def table_of(out: Path) -> list[dict[str, str]]:
    """Rows of boxes.csv."""
    with (out / 'boxes.csv').open(newline='') as file:
        return list(csv.DictReader(file))


def files_of(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob('*') if path.is_file())


@pytest.mark.parametrize('way', ['sliced', 'whole', 'slice'])
def test_a_folder_of_pictures(infer, weights, pictures, tmp_path, way):
    """Tiles of the config, whole pictures and tiles of the command line find the same."""
    out, extra = tmp_path / 'out', ['--slice', 48, '--overlap', 24, '--no-full-pass'] if way == 'slice' else []
    status, lines, _ = infer(*weights['whole' if way == 'slice' else way], pictures, '--out', out, *extra)
    assert status == 0 and lines[-1] == f'{out}: 3 frames, 3 boxes'
    assert files_of(out) == sorted(['boxes.csv', 'frames.json', 'report.json', 'results.json', 'timing.json',
                                    'pictures/9.jpg', 'pictures/10.jpg', 'pictures/200.jpg'])
    results = json.loads((out / 'results.json').read_text())
    assert [(row['image_id'], row['category_id'], row['bbox'], 'track_id' in row) for row in results] == [
        (1, 1, [30, 20, 8, 6], False), (1, 1, [100, 60, 8, 10], False), (3, 2, [5, 5, 4, 6], False)]
    assert [row['score'] for row in results] == pytest.approx([1, 220 / 255, 1], abs=1e-4)
    rows = table_of(out)
    assert [(row['source'], row['frame'], row['time'], row['track'], row['class'], row['x'], row['h'])
            for row in rows] == [('in', '0', '', '', 'drone', '30.0', '6.0'),
                                 ('in', '0', '', '', 'drone', '100.0', '10.0'),
                                 ('in', '2', '', '', 'bird', '5.0', '6.0')]
    coco = COCO(out / 'frames.json')
    assert coco.loadRes(str(out / 'results.json')).getImgIds() == [1, 2, 3]
    assert [Path(image['file_name']).name for image in coco.loadImgs([1, 2, 3])] == ['9.png', '10.png', '200.png']
    assert {category['name'] for category in coco.loadCats(coco.getCatIds())} == {'drone', 'bird'}


def test_annotated_pictures_keep_the_targets(infer, weights, pictures, tmp_path):
    assert infer(*weights['sliced'], pictures, '--out', tmp_path / 'out', '--zoom', 3)[0] == 0
    first, empty = (cv2.imread(str(tmp_path / f'out/pictures/{name}.jpg')).astype(int) for name in (9, 10))
    assert (first[22:24, 32:36] > 220).all()                       # the target itself
    assert np.abs(first[18, 28:40] - 60).max() > 60                # a line around it
    assert np.abs(empty - 60).max() < 12                           # nothing on the empty one


def test_scores_of_classes(infer, weights, pictures, tmp_path):
    config = weights['sliced']
    assert infer(*config, pictures, '--out', tmp_path / 'a', '--score', 0.9)[1][-1].endswith('3 frames, 2 boxes')
    status, lines, _ = infer(*config, pictures, '--out', tmp_path / 'b', '--score', 0.1, 'drone=0.9', 'bird=1')
    assert status == 0 and lines[-1].endswith('3 frames, 2 boxes')


def test_a_video_with_tracks(infer, weights, tmp_path):
    boxes, out = moving(), tmp_path / 'out'
    video = save_video(tmp_path / 'pass.avi', film_of(boxes))
    status, lines, _ = infer(*weights['sliced'], video, '--out', out, '--track', 'keep=5')
    assert status == 0 and lines[-1] == f'{out}: 12 frames, 24 boxes, 2 tracks'
    rows = table_of(out)
    for number, frame in enumerate(boxes):
        mine = [row for row in rows if row['frame'] == str(number)]
        assert [row['track'] for row in mine] == ['1', '2'] and mine[0]['time'] == f'{number / 10:.3f}'
        found = [[float(row[key]) for key in 'xywh'] for row in mine]
        assert found == [[x1, y1, x2 - x1, y2 - y1] for x1, y1, x2, y2 in frame.tolist()]
    results = json.loads((out / 'results.json').read_text())
    assert [row['track_id'] for row in results] == [1, 2] * 12 and results[-1]['image_id'] == 12
    film = cv2.VideoCapture(str(out / 'videos/pass.mp4'))
    assert [film.get(key) for key in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FPS)] == [12, 10]
    assert 'pictures' not in ' '.join(files_of(out))
    timing = json.loads((out / 'timing.json').read_text())
    assert next(iter(timing['stage_seconds'])) == 'read' and len(timing['stage_seconds']['latency']) == 12
    assert timing['latency_ms'].keys() == {'p50', 'p95', 'p99'}


def test_a_weak_box_of_a_track_is_kept(infer, weights, tmp_path):
    """ByteTrack's rescue: a target that fades below --score stays while its track lives."""
    boxes = [np.array([[20 + 2 * step, 20, 28 + 2 * step, 28]]) for step in range(8)]
    values = [255, 255, 255, 255, 210, 210, 255, 255]
    video = save_video(tmp_path / 'a.avi', [painted(96, 128, one, values=[value])
                                            for one, value in zip(boxes, values)])
    config = weights['sliced']
    assert infer(*config, video, '--out', tmp_path / 'a', '--score', 0.9)[1][-1].endswith('8 frames, 6 boxes')
    out = tmp_path / 'b'
    assert infer(*config, video, '--out', out, '--score', 0.9, '--track')[1][-1].endswith('8 boxes, 1 tracks')
    assert {row['track'] for row in table_of(out)} == {'1'}


def test_every_kth_frame_and_at_most(infer, weights, tmp_path):
    video = save_video(tmp_path / 'pass.avi', film_of(moving()))
    out = tmp_path / 'out'
    status = infer(*weights['sliced'], video, '--out', out, '--every', 3, '--max-frames', 3, '--format', 'csv,video')[0]
    assert status == 0 and files_of(out) == ['boxes.csv', 'report.json', 'timing.json', 'videos/pass.mp4']
    assert sorted({int(row['frame']) for row in table_of(out)}) == [0, 3, 6]
    film = cv2.VideoCapture(str(out / 'videos/pass.mp4'))
    assert film.get(cv2.CAP_PROP_FRAME_COUNT) == 3 and film.get(cv2.CAP_PROP_FPS) == pytest.approx(10 / 3, abs=0.01)


def test_a_folder_of_frames_is_a_sequence(infer, weights, tmp_path):
    for number, frame in enumerate(film_of(moving(5))):
        save(tmp_path / f'seq/f{number}.png', frame)
    out = tmp_path / 'out'
    status, lines, _ = infer(*weights['sliced'], tmp_path / 'seq', '--out', out, '--track', '--fps', 5)
    assert status == 0 and lines[-1].endswith('5 frames, 10 boxes, 2 tracks')
    assert [row['time'] for row in table_of(out)][-1] == '0.800'


def test_an_annotation_file_gives_ids_and_categories(infer, weights, pictures, tmp_path):
    images = [dict(id=40, file_name='in/9.png', width=128, height=96, video_id=7, frame_id=1),
              dict(id=30, file_name='in/200.png', width=128, height=96, video_id=7, frame_id=0)]
    content = dict(images=images, videos=[dict(id=7, name='flight')], annotations=[],
                   categories=[dict(id=5, name='bird'), dict(id=2, name='drone')])
    save(tmp_path / 'annotations/none.png', painted(2, 2, []))
    (tmp_path / 'annotations/val.json').write_text(json.dumps(content))
    out = tmp_path / 'out'
    assert infer(*weights['sliced'], tmp_path / 'annotations/val.json', '--out', out)[0] == 0
    results = json.loads((out / 'results.json').read_text())
    assert [(row['image_id'], row['category_id']) for row in results] == [(30, 5), (40, 2), (40, 2)]
    assert [(row['source'], row['frame']) for row in table_of(out)] == [('flight', number) for number in '011']


def test_broken_pictures_are_named_and_the_rest_is_done(infer, weights, pictures, tmp_path):
    (pictures / '11.jpg').write_bytes(cv2.imencode('.jpg', painted(50, 50, []))[1].tobytes()[:300])
    (pictures / '12.png').write_bytes(b'')
    out = tmp_path / 'out'
    status, lines, _ = infer(*weights['sliced'], pictures, '--out', out)
    warnings = [line for line in lines if line.startswith('warning:')]
    assert status == 0 and lines[-1].endswith('3 frames, 3 boxes')
    assert [str(pictures / name) in line for name, line in zip(('11.jpg', '12.png'), warnings)] == [True, True]
    assert 'truncated JPEG' in warnings[0] and 'corrupt picture' in warnings[1]
    (source,) = json.loads((out / 'report.json').read_text())['sources']
    assert source['broken'] == [str(pictures / '11.jpg'), str(pictures / '12.png')] and source['frames'] == 3


def test_where_nothing_can_be_read_nothing_is_written(infer, weights, tmp_path):
    (tmp_path / 'a.png').write_bytes(b'no picture')
    status, _, errors = infer(*weights['sliced'], tmp_path / 'a.png', '--out', tmp_path / 'out')
    assert status == 1 and len(errors) == 1 and 'a.png: corrupt picture' in errors[0]
    assert not list((tmp_path / 'out').rglob('*'))


def test_a_later_run_replaces_all_of_an_earlier_one(infer, weights, pictures, tmp_path):
    out = tmp_path / 'out'
    assert infer(*weights['sliced'], pictures, '--out', out)[0] == 0
    (out / 'pictures/own.jpg').touch()
    assert infer(*weights['sliced'], pictures / '9.png', '--out', out, '--format', 'pictures')[0] == 0
    assert files_of(out) == ['pictures/9.jpg', 'pictures/own.jpg', 'report.json', 'timing.json']
    status, _, errors = infer(*weights['sliced'], out / 'pictures/9.jpg', '--out', out)
    assert status == 1 and 'is an input, and results go to' in errors[0]


def test_pictures_of_one_name_do_not_replace_each_other(infer, weights, pictures, tmp_path):
    other = save(tmp_path / 'other/9.png', painted(40, 40, []))
    out = tmp_path / 'out'
    assert infer(*weights['sliced'], pictures / '9.png', other, '--out', out, '--format', 'pictures')[0] == 0
    assert [name for name in files_of(out) if 'pictures' in name] == ['pictures/9.jpg', 'pictures/9_2.jpg']


@pytest.mark.parametrize(('asked', 'status'), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_leaves_whole_files(weights, tmp_path, asked, status):
    video = save_video(tmp_path / 'pass.avi', film_of(moving()))
    predictor = load_predictor(load_config(weights['sliced'][0]), weights['sliced'][1])
    looked = []

    def interrupted(picture):
        looked.append(1)
        if len(looked) == 4:
            os.kill(os.getpid(), asked)
        return detect(picture)

    detect, predictor.detect = predictor.detect, interrupted
    before = signal.getsignal(asked)
    report = infer_uav(predictor, sources_of([video, video]), tmp_path / 'out')
    assert report.status == status and report.frames == 4 and signal.getsignal(asked) is before
    assert len(json.loads((tmp_path / 'out/results.json').read_text())) == 8 == len(table_of(tmp_path / 'out'))
    assert cv2.VideoCapture(str(tmp_path / 'out/videos/pass.mp4')).get(cv2.CAP_PROP_FRAME_COUNT) == 4
    assert json.loads((tmp_path / 'out/report.json').read_text())['interrupted'] is True


def test_an_error_on_the_way_leaves_no_half_written_file(weights, tmp_path):
    video = save_video(tmp_path / 'pass.avi', film_of(moving()))
    predictor = load_predictor(load_config(weights['sliced'][0]), weights['sliced'][1])
    detect, looked = predictor.detect, []

    def failing(picture):
        looked.append(1)
        if len(looked) == 4:
            raise ValueError('the model broke')
        return detect(picture)

    predictor.detect = failing
    with pytest.raises(ValueError, match='the model broke'):
        infer_uav(predictor, sources_of([video]), tmp_path / 'out')
    assert files_of(tmp_path / 'out') == []


def test_a_tracker_of_ones_own_gets_strong_and_weak_boxes(weights, tmp_path):
    seen = []

    class Last:
        def update(self, boxes, scores, labels, image):
            seen.append((boxes.shape, scores.dtype, labels.tolist(), image.shape))
            return np.where(scores < 0.95, 7, -1)

    predictor = load_predictor(load_config(weights['sliced'][0]), weights['sliced'][1])
    video = sources_of([save_video(tmp_path / 'a.avi', film_of(moving(2)))]).sources[0]
    report = infer_uav(predictor, Inputs([video]), tmp_path / 'out', new_tracker=Last, tracker_sees=True,
                       wanted=Wanted(kinds=('csv',)))
    assert seen == [((2, 4), np.float32, [0, 0], (96, 128, 3))] * 2 and report.tracks == 1
    assert [row['track'] for row in table_of(tmp_path / 'out')] == ['', '7'] * 2


@pytest.mark.parametrize(('extra', 'line'), [
    (['--score', 'high'], "--score takes N or CLASS=N, got 'high'"), (['--score', '1.5'], '--score lies in 0 to 1'),
    (['--score', 'cat=0.5'], '--score cat=...: this model finds drone, bird'), (['--nms', '7'], '--nms lies in 0 to 1'),
    (['--overlap', '0.3'], '--overlap is of tiles: give --slice PX'), (['--no-full-pass'], '--no-full-pass is of'),
    (['--slice', '0'], 'tile is a number of px above 0'), (['--slice', '64', '--overlap', '64'], 'overlap is 0 or'),
    (['--every', '0'], '--every is 1 or more'), (['--max-frames', '0'], '--max-frames is 1 or more'),
    (['--fps', '-1'], '--fps is above 0'), (['--reconnect', '-1'], '--reconnect is 0 or more'),
    (['--zoom', '1'], '--zoom is 2 to 32'), (['--track', 'speed=3'], 'speed'),
    (['--track', 'cost=x'], "no track cost 'x'"),
    (['--format', 'gif'], "--format takes some of json,csv,pictures,video for drone detection, got 'gif'"),
    (['--samples', '1'], '--samples is not for drone detection'), (['--device', 'moon'], '--device moon: give cpu'),
    (['--focal', '3'], '--focal is for stereo; '), (['--radar', 'none'], '--radar is for 3D detection; ')])
def test_what_is_wrong_is_told_in_one_line(infer, weights, pictures, tmp_path, extra, line):
    status, _, errors = infer(*weights['sliced'], pictures, '--out', tmp_path / 'out', *extra)
    assert status == 1 and len(errors) == 1 and line in errors[0]
    assert not (tmp_path / 'out').exists()


@pytest.mark.parametrize(('word', 'line'), [
    ('none.mp4', 'none.mp4 does not exist'), ('none.png', 'no such picture'), ('nowhere', 'no such file or folder'),
    ('99', 'camera 99 cannot be opened; '), ('rtsp://me:secret@127.0.0.1:1/live', '127.0.0.1_live: this stream'),
    ('empty', 'holds neither pictures'), ('text.doc', 'is neither a picture'), ('list.txt', 'names nothing'),
    ('bad.json', 'is no COCO file with pictures'), ('bad.mp4', 'OpenCV cannot open this video')])
def test_inputs_that_are_none(infer, weights, tmp_path, word, line):
    (tmp_path / 'empty').mkdir()
    texts = {'text.doc': 'x', 'list.txt': '# nothing\n', 'bad.json': '{"images": []}', 'bad.mp4': 'x'}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    given = word if '://' in word or word.isdecimal() else tmp_path / word
    status, _, errors = infer(*weights['sliced'], given, '--out', tmp_path / 'out')
    assert status == 1 and len(errors) == 1 and line in errors[0] and 'secret' not in errors[0]
    assert not (tmp_path / 'out').exists() or not files_of(tmp_path / 'out')


def test_a_window_needs_a_display(infer, weights, pictures, tmp_path, monkeypatch):
    for name in ('DISPLAY', 'WAYLAND_DISPLAY'):
        monkeypatch.delenv(name, raising=False)
    status, _, errors = infer(*weights['sliced'], pictures, '--out', tmp_path / 'out', '--show')
    assert status == 1 and '--show: there is no display' in errors[0] and not files_of(tmp_path / 'out')
