"""Videos with broken frames, streams that are lost and found, lists, and films that keep the time."""

import itertools
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import cv2
import numpy as np
import pytest

from perception_kd.inference.uav.drawing import PacedFilm
from perception_kd.inference.uav.inputs import Reading, sources_of
from perception_kd.inference.uav.pictures import in_order
from perception_kd.inference.uav.stream import StreamSource, stream_name
from perception_kd.inference.uav.video import VideoSource
from tests.blob_detector import painted
from tests.inference.uav.conftest import save, save_video


def never() -> bool:
    return False


def shades(count: int) -> list[np.ndarray]:
    """Frames whose grey tells their number: 5 a frame."""
    return [np.full((48, 64, 3), 10 + 5 * number, np.uint8) for number in range(count)]


def number_of(image: np.ndarray) -> int:
    return round((float(image.mean()) - 10) / 5)


def motion_jpeg(path: Path, count: int = 12) -> tuple[Path, list[slice]]:
    """A video, and where the bytes of each frame are."""
    save_video(path, shades(count), codec='MJPG')
    content, places, start = path.read_bytes(), [], 0
    while (found := content.find(b'\xff\xd8', start)) >= 0:
        start = content.find(b'\xff\xd9', found) + 2
        places.append(slice(found, start))
    assert len(places) == count
    return path, places


def test_all_frames_of_a_video(tmp_path):
    source = VideoSource(save_video(tmp_path / 'a.avi', shades(9), fps=20), name='a')
    frames = list(source.frames(never))
    assert source.total == 9 and source.rate == 20 and source.seen.frames == 9 and not source.seen.notes
    assert [(number_of(frame.image), frame.index) for frame in frames] == [(number, number) for number in range(9)]
    assert [frame.time for frame in frames] == pytest.approx([number / 20 for number in range(9)])
    assert [frame.index for frame in VideoSource(tmp_path / 'a.avi', name='a', every=4).frames(never)] == [0, 4, 8]
    slow = VideoSource(tmp_path / 'a.avi', name='a', rate=2)
    assert [frame.time for frame in itertools.islice(slow.frames(never), 3)] == [0, 0.5, 1]


def test_broken_frames_are_counted_and_named_and_the_rest_keeps_its_numbers(tmp_path):
    path, places = motion_jpeg(tmp_path / 'a.avi')
    content = bytearray(path.read_bytes())
    for number in (4, 5, 8):
        content[places[number]] = bytes(places[number].stop - places[number].start)
    path.write_bytes(content)
    source = VideoSource(path, name='a')
    frames = list(source.frames(never))
    assert source.seen.broken == [4, 5, 8] and source.seen.frames == 9
    assert source.seen.notes == [f'{path}: frames 4 to 5 cannot be decoded', f'{path}: frame 8 cannot be decoded']
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 6, 7, 9, 10, 11]
    assert [number_of(frame.image) for frame in frames] == [frame.index for frame in frames]


def test_a_video_that_is_cut_off(tmp_path):
    path, places = motion_jpeg(tmp_path / 'a.avi')
    path.write_bytes(path.read_bytes()[:places[7].start])
    source = VideoSource(path, name='a')
    assert [frame.index for frame in source.frames(never)] == list(range(7))
    assert source.seen.notes == [f'{path}: ends after 7 frames, its header says 12'] and not source.seen.broken


@pytest.mark.real_data
def test_a_damaged_clip_of_a_camera(real_data, tmp_path):
    """H.264, 20 kB of 144 overwritten: decoding goes on at the next key frame, and the file's own times tell where."""
    content = bytearray((real_data / 'uav/svanstrom_clips/V_DRONE_001.mp4').read_bytes())
    middle = len(content) // 2
    content[middle:middle + 20_000] = bytes(20_000)
    (tmp_path / 'a.mp4').write_bytes(content)
    source = VideoSource(tmp_path / 'a.mp4', name='a')
    frames = [(frame.index, frame.time) for frame in source.frames(never)]
    assert len(frames) + len(source.seen.broken) == source.total == 301 and 20 < len(source.seen.broken) < 60
    assert sorted([index for index, _ in frames] + source.seen.broken) == list(range(301))
    assert [moment for _, moment in frames] == pytest.approx([index / 30 for index, _ in frames], abs=1e-3)


def test_stopping(tmp_path):
    source = VideoSource(save_video(tmp_path / 'a.avi', shades(9)), name='a')
    assert len(list(source.frames(lambda: source.seen.frames >= 3))) == 3


class Capture:
    """Stands for ``cv2.VideoCapture``: gives its frames, then fails.

    Args:
        patient: Give a frame only when the one before was taken, however slow the machine is.
    """

    source = None

    def __init__(self, frames, opened=True, patient=True) -> None:
        self.frames, self.opened, self.patient = list(frames), opened, patient

    def isOpened(self):
        return self.opened

    def get(self, _):
        return 50.0

    def read(self):
        while self.patient and self.source._newest is not None and not self.source._ending.is_set():
            time.sleep(0.001)
        time.sleep(0 if self.patient else 0.004)
        return (True, self.frames.pop(0)) if self.frames else (False, None)

    def release(self):
        pass


def stream(*captures, **settings) -> StreamSource:
    waiting = iter(captures)
    source = StreamSource('rtsp://camera/live', open_capture=lambda _: next(waiting, Capture([], opened=False)),
                          first_wait=0.001, **settings)
    Capture.source = source
    return source


def test_a_stream_is_found_again_and_given_up_at_last():
    source = stream(Capture(shades(3)), Capture([], opened=False), Capture(shades(2)), attempts=3)
    frames = list(source.frames(never))
    assert [frame.index for frame in frames] == [0, 1, 2, 3, 4] and source.seen.reconnects == 1
    assert [number_of(frame.image) for frame in frames] == [0, 1, 2, 0, 1] and not source.seen.dropped
    assert source.seen.notes == ['camera_live: lost after 5 frames, given up after 3 attempts to find it again']
    assert source.rate == 50 and frames[-1].time >= frames[0].time >= 0


def test_frames_that_nobody_took_are_dropped_and_counted():
    source, taken = stream(Capture(shades(40), patient=False), attempts=0), []
    for frame in source.frames(never):
        taken.append(number_of(frame.image))
        time.sleep(0.03)
    assert source.seen.dropped > 0 and source.seen.dropped + len(taken) == 40
    assert taken == sorted(taken) and taken[-1] == 39 and source.seen.frames == len(taken)


def test_every_kth_frame_of_a_stream_and_its_end():
    source = stream(Capture(shades(9)), attempts=0, every=3)
    assert [frame.index for frame in source.frames(never)] == [0, 3, 6]
    endless = stream(Capture(shades(1) * 10_000))
    assert len(list(endless.frames(lambda: endless.seen.frames >= 4))) == 4
    deadline = time.monotonic() + 5
    while any('camera_live' in thread.name for thread in threading.enumerate()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any('camera_live' in thread.name for thread in threading.enumerate())


def test_an_error_in_the_reader_ends_the_stream_with_a_note():
    class Failing(Capture):
        def read(self):
            raise RuntimeError('the driver is gone')

    source = stream(Failing([]))
    assert list(source.frames(never)) == [] and source.seen.notes == ['camera_live: the driver is gone']


def test_a_stream_over_http():
    """A real one: motion JPEG of a camera, which hangs up after some frames, three times."""
    parts = [cv2.imencode('.jpg', one)[1].tobytes() for one in shades(6)]
    calls = []

    class Camera(BaseHTTPRequestHandler):
        def do_GET(self):
            calls.append(self.path)
            self.send_response(200)
            self.send_header('Content-Type', 'multipart/x-mixed-replace; boundary=frame')
            self.end_headers()
            for part in parts if len(calls) < 3 else ():
                self.wfile.write(b'--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n'
                                 % (len(part), part))

        def log_message(self, *_):
            pass

    server = HTTPServer(('127.0.0.1', 0), Camera)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    source = StreamSource(f'http://127.0.0.1:{server.server_port}/live', attempts=2, first_wait=0.001)
    frames = list(source.frames(never))
    server.shutdown()
    server.server_close()
    assert source.seen.frames + source.seen.dropped == 12 and len(frames) >= 1 and source.seen.reconnects == 1
    assert source.name == '127.0.0.1_live' and 'given up after 2 attempts' in source.seen.notes[0]


@pytest.mark.parametrize(('address', 'name'), [
    (0, 'camera_0'), ('rtsp://me:secret@10.0.0.5:554/live/main?key=1', '10.0.0.5_live_main'),
    ('udp://:1234', 'udp')])
def test_names_of_streams_have_no_secrets(address, name):
    assert stream_name(address) == name


def test_lists_folders_and_names(tmp_path):
    for name in ('b10.png', 'b9.png', 'other/c.png'):
        save(tmp_path / name, painted(8, 8, []))
    save_video(tmp_path / 'z.avi', shades(2))
    save_video(tmp_path / 'other/z.avi', shades(2))
    (tmp_path / 'list.txt').write_text('# mine\nother/c.png\n\nz.avi\n')
    names = [source.name for source in sources_of([tmp_path, tmp_path / 'list.txt', tmp_path / 'other/z.avi']).sources]
    assert names == [tmp_path.name, 'z', 'pictures', 'z_2', 'z_3']
    source = sources_of([tmp_path]).sources[0]
    assert [path.name for path in source.files] == ['b9.png', 'b10.png']
    loose = sources_of([tmp_path / 'b10.png', tmp_path / 'other/c.png'], Reading(every=2)).sources
    assert [[Path(frame.name).name for frame in one.frames(never)] for one in loose] == [['b10.png']]
    assert [path.name for path in in_order(map(Path, ('f10a', 'f9b', 'f9', 'e')))] == ['e', 'f9', 'f9b', 'f10a']
    (tmp_path / 'twice.txt').write_text('list.txt')
    with pytest.raises(ValueError, match='names another list'):
        sources_of([tmp_path / 'twice.txt'])


class Kept:
    def __init__(self) -> None:
        self.seen = []

    def add(self, picture) -> None:
        self.seen.append(int(picture[0, 0, 0]))


@pytest.mark.parametrize(('times', 'shown'), [
    ([0, 0.1, 0.2, 0.3], [0, 1, 2, 3]),                       # one a step
    ([5, 5.1, 5.4], [0, 1, 2, 2, 2]),                         # a gap: the next one stands for it
    ([0, 0.02, 0.04, 0.1], [0, 3]),                           # too soon
    ([0, 100, 100.1], [0, *[1] * 10, 2])])                    # long away: a second
def test_films_run_as_time_did(times, shown):
    film = PacedFilm(kept := Kept(), rate=10)
    for number, moment in enumerate(times):
        film.add(np.full((4, 6, 3), number, np.uint8), moment)
    assert kept.seen == shown


def test_films_have_one_size():
    film = PacedFilm(kept := Kept(), rate=10)
    sizes = []
    kept.add = lambda picture: sizes.append(picture.shape)
    film.add(np.zeros((4, 6, 3), np.uint8), 0)
    film.add(np.zeros((8, 8, 3), np.uint8), 0.1)
    assert sizes == [(4, 6, 3)] * 2
