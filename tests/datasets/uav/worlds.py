"""Small sets in every format, with what must come out of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from tests.datasets.uav.mat_file import write_ground_truth

WIDTH, HEIGHT = 64, 48
Expected = dict[tuple[str, str, int | None], list[tuple[str, tuple[float, float, float, float]]]]
"""Split, video or picture, frame -> boxes, xywh px."""


def write_picture(path: Path, shade: int, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """A grey picture with a pattern of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = np.full((size[1], size[0], 3), shade % 256, np.uint8)
    picture[shade % 40:shade % 40 + 5, (7 * shade) % 50:(7 * shade) % 50 + 9] = 255 - shade % 256
    assert cv2.imwrite(str(path), picture)
    return path


def write_video(path: Path, shades: list[int]) -> Path:
    """Frames of one shade each."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'mp4v'), 10, (WIDTH, HEIGHT))
    for shade in shades:
        writer.write(np.full((HEIGHT, WIDTH, 3), shade, np.uint8))
    writer.release()
    return path


def write_text(path: Path, *lines: str) -> Path:
    """Lines of text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(''.join(f'{line}\n' for line in lines))
    return path


def yolo_line(number: int, x: float, y: float, width: float, height: float) -> str:
    """Of a box in px."""
    values = (x + width / 2) / WIDTH, (y + height / 2) / HEIGHT, width / WIDTH, height / HEIGHT
    return ' '.join([str(number), *(f'{value:.8f}' for value in values)])


def voc_xml(*objects: tuple[str, int, int, int, int]) -> str:
    """Label file of names and corners."""
    return '<annotation><size><width>64</width><height>48</height></size>' + ''.join(
        f'<object><name>{name}</name><bndbox><xmin>{left}</xmin><ymin>{top}</ymin><xmax>{right}</xmax>'
        f'<ymax>{bottom}</ymax></bndbox></object>' for name, left, top, right, bottom in objects) + '</annotation>'


def make_yolo(root: Path) -> Expected:
    """Two videos and splits; one picture without label file, one empty; a box over the edge; broken lines."""
    write_text(root / 'classes.txt', 'UAV', 'bird')
    for split, video in (('train', 'a'), ('val', 'b')):
        for number in range(3):
            write_picture(root / 'images' / split / f'{video}_{number:04d}.jpg', 20 * number + ord(video))
    write_text(root / 'labels/train/a_0000.txt', yolo_line(0, 10, 5, 8, 6), 'drone 1 2 3 4', '0 0.5', '7 .5 .5 .1 .1')
    write_text(root / 'labels/train/a_0001.txt')
    write_text(root / 'labels/val/b_0000.txt', yolo_line(1, -4, 4, 12, 6), yolo_line(0, 60, 40, 3, 3))
    write_text(root / 'labels/val/b_0001.txt', '0 nan 0.5 0.1 0.1', yolo_line(0, 100, 5, 8, 6), '0 .5 .5 -.1 .1')
    write_text(root / 'labels/val/b_0002.txt', '0 0.25 0.25 0.5 0.25 0.375 0.5')
    write_text(root / 'labels/val/b_0009.txt', yolo_line(0, 1, 1, 2, 2))
    return {('train', 'a', 0): [('drone', (10, 5, 8, 6))], ('train', 'a', 1): [], ('train', 'a', 2): [],
            ('val', 'b', 0): [('bird', (0, 4, 8, 6)), ('drone', (60, 40, 3, 3))], ('val', 'b', 1): [],
            ('val', 'b', 2): [('drone', (16, 12, 16, 12))]}


def make_coco(root: Path) -> Expected:
    """Ids from 0 and in odd orders, an annotation of no picture, one without numbers, a picture that is not there."""
    for split, shade in (('train', 0), ('val', 90)):
        for number in range(3):
            write_picture(root / split / f'{number}.png', shade + 10 * number)
        images = [dict(id=number, file_name=f'{number}.png', width=64 - number, height=48, video_id=4, frame_id=number)
                  for number in (2, 0, 1, 7)]
        annotations = [dict(id=0, image_id=0, category_id=3, bbox=[1, 2, 10.5, 6], track_id=2),
                       dict(id=1, image_id=2, category_id=0, bbox=[30, 40, 100, 4], iscrowd=1),
                       dict(id=2, image_id=50, category_id=0, bbox=[0, 0, 1, 1]),
                       dict(id=3, image_id=1, category_id=0, bbox=[0, 0, None, 1]),
                       dict(id=4, image_id=1, category_id=0, bbox=[0, 0, 10**400, 1])]
        write_text(root / 'annotations' / f'instances_{split}2024.json', json.dumps(dict(
            images=images, annotations=annotations, videos=[dict(id=4, name=f'clip {split}')],
            categories=[dict(id=0, name='bird'), dict(id=3, name='drone')])))
    return {(split, f'clip {split}', number): boxes for split in ('train', 'val') for number, boxes in enumerate(
        ([('drone', (1, 2, 10.5, 6))], [], [('bird', (30, 40, 34, 4))]))}


def make_voc(root: Path) -> Expected:
    """PASCAL's form: pixels from 1, the last one included; lists of the splits; one unreadable label, one missing."""
    for number in range(5):
        write_picture(root / 'JPEGImages' / f'sky-{number}.jpg', 30 * number)
    write_text(root / 'Annotations/sky-0.xml', voc_xml(('UAV', 1, 1, 10, 5), ('bird', 3, 4, 3, 4)))
    write_text(root / 'Annotations/sky-1.xml', voc_xml().replace('64', '640'))
    write_text(root / 'Annotations/sky-2.xml', voc_xml(('drone', 11, 21, 30, 30), ('drone', 50, 5, 40, 9)).replace(
        '</annotation>', '<object><name>drone</name></object></annotation>'))
    write_text(root / 'Annotations/sky-3.xml', '<!DOCTYPE a [<!ENTITY b "c">]><annotation/>')
    write_text(root / 'ImageSets/Main/train.txt', 'sky-0', 'sky-3')
    write_text(root / 'ImageSets/Main/test.txt', 'sky-1', 'sky-2')
    return {('train', 'sky', 0): [('drone', (0, 0, 10, 5)), ('bird', (2, 3, 1, 1))], ('test', 'sky', 1): [],
            ('test', 'sky', 2): [('drone', (10, 20, 20, 10))]}


def make_det_fly(root: Path) -> Expected:
    """Edges from 0, no split, two flights."""
    for flight, number in ((1, 0), (1, 1), (2, 0)):
        write_picture(root / 'JPEGImages' / f'f{flight}x_{number}.jpg', 40 * flight + 10 * number)
        write_text(root / 'Annotations' / f'f{flight}x_{number}.xml', voc_xml(('UAV', 0, 0, 10, 5 + number)))
    return {('', f'f{flight}x', number): [('drone', (0, 0, 10, 5 + number))]
            for flight, number in ((1, 0), (1, 1), (2, 0))}


def make_drone_vs_bird(root: Path) -> Expected:
    """Two videos; a frame without objects, one without line, one with a broken line, one behind the video's end."""
    write_video(root / 'train_videos/one.mp4', [0, 60, 120, 180])
    write_video(root / 'train_videos/two.avi', [40, 100])
    write_video(root / 'train_videos/lost.mp4', [9])
    write_text(root / 'annotations/one.txt', '0 1 10 11 12 13 drone', '1 0', '3 2 1 2 3 4 drone 60 44 30 30 drone',
               '9 1 1 1 4 4 drone', '1 1 5 5 5 5 drone')
    write_text(root / 'annotations/two.txt', '0 2 1 1 2 2 drone', '', '1 1 20 20 4 4 drone')
    write_text(root / 'annotations/none.txt', '0 0')
    return {('', 'one', 0): [('drone', (10, 11, 12, 13))], ('', 'one', 1): [],
            ('', 'one', 3): [('drone', (1, 2, 3, 4)), ('drone', (60, 44, 4, 4))],
            ('', 'two', 1): [('drone', (20, 20, 4, 4))]}


def make_anti_uav(root: Path) -> Expected:
    """A video and a folder of pictures; frames without a drone in each way, and one that is not known."""
    write_video(root / 'train/s1/RGB.mp4', [10, 70, 130, 190, 250])
    write_video(root / 'train/s1/IR.mp4', [15, 75, 135, 195, 255])
    rectangles = [[5, 6, 7, 8], [], [0, 0, 0, 0], [], [9, 9, -1, 2]]
    content = json.dumps(dict(exist=[1, 0, 0, 1, 1], gt_rect=rectangles))
    write_text(root / 'train/s1/RGB_label.json', content)
    write_text(root / 'train/s1/IR_label.json', content)
    for number in range(3):
        write_picture(root / 'val/s2/visible' / f'{number + 1:06d}.jpg', 50 * number)
    write_text(root / 'val/s2/visible.json', json.dumps(dict(gt_rect=[[1, 2, 3, 4], 'x', [4.5, 5, 6, 7]])))
    write_text(root / 'val/s3/RGB_label.json', '{"exist": ')
    return {('train', 's1/rgb', 0): [('drone', (5, 6, 7, 8))], ('train', 's1/rgb', 1): [],
            ('train', 's1/rgb', 2): [], ('train', 's1/rgb', 4): [], ('val', 's2/rgb', 0): [('drone', (1, 2, 3, 4))],
            ('val', 's2/rgb', 2): [('drone', (4.5, 5, 6, 7))]}


def make_dut(root: Path) -> Expected:
    """Both parts: xml folders by split; a sequence of three frames, one without a drone, and a gt file beside."""
    for split in ('train', 'val', 'test'):
        write_picture(root / split / 'img/00001.jpg', 10 + len(split))
        write_text(root / split / 'xml/00001.xml', voc_xml(('UAV', 4, 5, 14, 8)))
    for number in range(3):
        write_picture(root / 'Anti-UAV-Tracking-V0/video01' / f'{number + 1:05d}.jpg', 100 + 40 * number)
        write_picture(root / 'Anti-UAV-Tracking-V0/video02/img' / f'{number + 1:05d}.jpg', 105 + 40 * number)
    write_text(root / 'Anti-UAV-Tracking-V0GT/video01_gt.txt', '1 2 3 4', '0 0 0 0', '5,6,7,8')
    write_text(root / 'Anti-UAV-Tracking-V0/video02/gt.txt', '1\t2\t3\t4', 'NaN NaN NaN NaN', '5 six 7 8')
    return {**{(split, f'{split}/00001', None): [('drone', (4, 5, 10, 3))] for split in ('train', 'val', 'test')},
            ('train', 'tracking/video01', 0): [('drone', (1, 2, 3, 4))], ('train', 'tracking/video01', 1): [],
            ('train', 'tracking/video01', 2): [('drone', (5, 6, 7, 8))],
            ('train', 'tracking/video02', 0): [('drone', (1, 2, 3, 4))], ('train', 'tracking/video02', 1): []}


def make_mav_vid(root: Path) -> Expected:
    """Frames of two videos, with a shape that is right, one that is not, and one that is missing."""
    expected: Expected = {}
    for split, video in (('train', 'vid3'), ('val', 'vid8')):
        for number in range(3):
            write_picture(root / split / 'img' / f'{video}_{number}.jpg', 60 * number + len(split))
            write_text(root / split / 'img' / f'{video}_{number}.txt', yolo_line(0, 2 + number, 3, 20, 10))
            expected[split, video, number] = [('drone', (2 + number, 3, 20, 10))]
    write_text(root / 'train/img/vid3_0.shape', '48 64 3')
    write_text(root / 'train/img/vid3_1.shape', '64 48 3')
    write_picture(root / 'train/img/vid3_9.jpg', 1)
    return expected


def make_svanstrom(root: Path) -> Expected:
    """Two clips: two boxes in a frame, none in another, two classes, a row that is none, one row too few."""
    write_video(root / 'Video_V/V_DRONE_001.mp4', [10, 70, 130, 190])
    write_video(root / 'Video_V/V_BIRD_002.mp4', [30, 90])
    write_video(root / 'Video_IR/IR_BIRD_002.mp4', [30, 90])
    none = np.zeros((0, 4))
    write_ground_truth(root / 'Video_V/V_DRONE_001_LABELS.mat', [
        dict(DRONE=[[1.0, 1.0, 10.0, 8.0], [21.5, 11.0, 4.0, 4.0]], BIRD=none), dict(DRONE=none, BIRD=none),
        dict(DRONE=[[1.0, 2.0, 3.0]], BIRD=none)])
    write_ground_truth(root / 'Video_V/V_BIRD_002_LABELS.mat', [
        dict(DRONE=[[5.0, 5.0, 5.0, 5.0]], BIRD=[[60.0, 40.0, 50.0, 5.0]]), dict(DRONE=none, BIRD=[[3, 3, 3, 3]])])
    return {('', 'V_DRONE_001', 0): [('drone', (0, 0, 10, 8)), ('drone', (20.5, 10, 4, 4))],
            ('', 'V_DRONE_001', 1): [], ('', 'V_BIRD_002', 0): [('drone', (4, 4, 5, 5)), ('bird', (59, 39, 5, 5))],
            ('', 'V_BIRD_002', 1): [('bird', (2, 2, 3, 3))]}


WORLDS: dict[str, tuple[Callable[[Path], Expected], dict[str, int]]] = {
    'yolo': (make_yolo, {
        'lines left out: no class and four numbers': 2, 'lines left out: a class number that no name belongs to': 1,
        'boxes left out: a value that is no finite number': 1, 'boxes left out: outside of the picture': 1,
        'boxes left out: width or height is not above 0': 1, 'boxes clipped to the picture': 1,
        'outlines taken as boxes': 1, 'label files without a picture': 1,
        'pictures without a label file, taken as background': 1}),
    'coco': (make_coco, {
        'annotations left out: of a picture or category that is not there': 2, 'boxes clipped to the picture': 2,
        'annotations left out: bbox is not four numbers': 2, 'pictures left out: no such file': 2,
        'pictures of another size than their label file says': 4,
        'boxes left out: a value that is no finite number': 2}),
    'voc': (make_voc, {
        'pictures left out: a label file that cannot be read': 1, 'pictures left out: no label file': 1,
        'pictures of another size than their label file says': 1,
        'objects left out: no name or no bndbox of four numbers': 1,
        'boxes left out: width or height is not above 0': 1}),
    'det-fly': (make_det_fly, {}),
    'drone-vs-bird': (make_drone_vs_bird, {
        'videos left out: no label file': 1, 'label files without a video': 1, 'boxes clipped to the picture': 1,
        'frames left out: a line that is none': 1, 'lines left out: the frame has one already': 1,
        'frames left out: labelled, but not in the video': 1}),
    'anti-uav': (make_anti_uav, {
        'frames left out: a drone without a rectangle': 2, 'boxes left out: width or height is not above 0': 1,
        'sequences left out: a label file that cannot be read': 1}),
    'dut': (make_dut, {'frames left out: a line that is no rectangle': 1}),
    'mav-vid': (make_mav_vid, {
        '.shape files that are missing': 4, '.shape files that differ from their picture': 1,
        'pictures left out: no label file': 1}),
    'svanstrom': (make_svanstrom, {
        'frames left out: a cell that holds no boxes': 1, 'boxes clipped to the picture': 1}),
}
"""Format -> what writes a set, and what its reader has to count."""
