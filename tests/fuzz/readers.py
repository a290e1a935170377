"""The readers of the project as fuzzing targets."""

from __future__ import annotations

import ast
import json
import pickle
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import torch

from perception_kd.datasets.nuscenes.formats import RADAR_DTYPE
from tests.fuzz.hostile import hostile_pickles, torch_wrapped
from tests.fuzz.targets import Target, check_line
from tests.tiny_world import VERSION

_PICKLE_WORDS = (b'cbuiltins\neval\n', b'cos\nsystem\n', b'\x8c\x08builtins\x8c\x04eval\x93', b'tR.', b'\x80\x04\x95',
                 b'\x8e\xff\xff\xff\xff\xff\xff\xff\x7f', b'\x96\x00\x00\x00\x00\x00\x01\x00\x00', b'q\x01', b'h\x01')
_JSON_WORDS = (b'NaN', b'Infinity', b'1e999', b'null', b'{}', b'[]', b'"token"', b'\\ud800', b'[' * 40)


def _radar(root: Path) -> Target:
    from perception_kd.datasets.transforms.radar import RADAR_COLUMNS, LoadRadarSweeps

    load, eye = LoadRadarSweeps(sweeps_num=0, filter_preset='none'), np.eye(4)

    def read(path: Path) -> None:
        sweep = dict(radar_path=str(path), radar2ego=eye, radar2lidar=eye, timestamp=0.0, sweeps=[])
        points = load(dict(lidar_points=dict(lidar2ego=eye), timestamp=0.0, radar_points={'RADAR': sweep}))['radar']
        assert points.dtype == np.float32 and points.shape == (len(points), len(RADAR_COLUMNS))
        assert np.isfinite(points).all()

    seeds = [_without_padding(file.read_bytes()) for file in sorted((root / 'samples' / 'RADAR_FRONT').iterdir())[:2]]
    words = (b'WIDTH 999999999', b'SIZE 8', b'TYPE F', b'COUNT 2', b'FIELDS x y z', b'DATA binary\n', b'TYPE M',
             b'TYPE S', b'SIZE 0', b'\x00\x00\xc0\x7f', b'\x00\x00\x80\x7f')
    return Target('radar_pcd', ('.pcd',), {'.pcd': seeds}, read, words)


def _without_padding(content: bytes) -> bytes:
    """A radar file that ends one byte after its last point, with four points at most."""
    count = int(content.split(b'WIDTH ')[1].split()[0])
    kept = min(count, 4)
    header = content.replace(b'WIDTH %d' % count, b'WIDTH %d' % kept)
    return header[:header.index(b'DATA binary\n') + 12 + RADAR_DTYPE.itemsize * kept + 1]


def _lidar(root: Path) -> Target:
    from perception_kd.datasets.transforms.lidar import LIDAR_COLUMNS, LoadLidarSweeps

    load = LoadLidarSweeps(sweeps_num=0)

    def read(path: Path) -> None:
        points = load(dict(lidar_points=dict(lidar_path=str(path)), timestamp=0.0))['points']
        assert points.dtype == np.float32 and points.shape == (len(points), len(LIDAR_COLUMNS))
        assert np.isfinite(points).all()

    file = min((root / 'samples' / 'LIDAR_TOP').iterdir())
    seeds = [file.read_bytes()[:200], file.read_bytes()[:20], np.full(5, np.nan, np.float32).tobytes()]
    return Target('lidar_bin', ('.bin',), {'.bin': seeds}, read, (b'\x00\x00\xc0\x7f', b'\x00\x00\x80\xff'))


def _infos(root: Path) -> Target:
    from perception_kd.datasets.nuscenes.dataset import NuScenesRadarDataset
    from perception_kd.datasets.nuscenes.stamp import load_infos

    stamp, infos = load_infos(root / 'nuscenes_infos_tiny_val.pkl')

    def read(path: Path) -> None:
        dataset = NuScenesRadarDataset(ann_file=str(path), data_root=str(root), past_frames=(1,))
        for place in range(len(dataset)):
            info = dataset.get_data_info(place)
            assert np.isfinite(info['ego2global']).all()

    for info in infos:
        del info['lidar_sweeps'][1:], info['instances'][2:]
    contents = [dict(metainfo=stamp, data_list=infos[:count]) for count in (1, 2)]
    seeds = [pickle.dumps(content, protocol=protocol) for content in contents for protocol in (2, 4)]
    return Target('info_file', ('.pkl',), {'.pkl': seeds + hostile_pickles()}, read,
                  (*_PICKLE_WORDS, b'images', b'lidar_points', b'radar_points', b'instances', b'N', b']', b'}'))


def _tables(root: Path) -> Target:
    from perception_kd.datasets.nuscenes.tables import read_rows

    columns = ('token', 'timestamp', 'scene_token')

    def read(path: Path) -> None:
        for row in read_rows(path, columns):
            assert set(columns) <= row.keys()

    seeds = [(root / VERSION / 'sample.json').read_bytes()[:900], b'[]', b'[{"token": "1"}]']
    return Target('table', ('.json',), {'.json': seeds}, read, _JSON_WORDS)


def _results(root: Path) -> Target:
    from perception_kd.evaluation.fast.predictions import load_predictions
    from perception_kd.evaluation.fast.truth import load_truth
    from perception_kd.evaluation.submission import read_results

    truth = load_truth(root, VERSION, 'tiny_val')
    first, *others = truth.tokens
    row = dict(sample_token=first, translation=[1.0, 2.0, 3.0], size=[1.0, 2.0, 3.0], rotation=[1.0, 0, 0, 0],
               velocity=[0.0, 0.0], detection_name='car', detection_score=0.5, attribute_name='vehicle.parked')
    contents = [dict(meta=dict(use_camera=True), results={first: rows, **{token: [] for token in others}})
                for rows in ([], [row, row])]

    def read(path: Path) -> None:
        boxes = load_predictions(path, truth)
        rows = [row for token in truth.tokens for row in read_results(path, truth.tokens)['results'][token]]
        assert len(rows) == len(boxes)
        parts = boxes.translation, boxes.size, boxes.rotation, boxes.velocity, boxes.score[:, None]
        numbers = np.concatenate(parts, axis=1)
        assert np.isfinite(numbers).all() and numbers.shape == (len(rows), 13)

    seeds = [json.dumps(content).encode() for content in contents]
    return Target('result_json', ('.json',), {'.json': seeds}, read,
                  (*_JSON_WORDS, *(f'"{word}"'.encode() for word in row), *(token.encode() for token in truth.tokens)))


def _checkpoint(root: Path) -> Target:
    from perception_kd.engine.foreign_checkpoint import load_weights
    from perception_kd.engine.safe_checkpoint import read_checkpoint, write_checkpoint

    def read(path: Path) -> None:
        read_checkpoint(path)
        assert all(isinstance(value, torch.Tensor) for value in load_weights(path).values())

    weights = dict(weight=torch.arange(4.0), bias=torch.zeros(4))
    whole = root / 'seed.pth'
    write_checkpoint(whole, dict(state_dict=weights, meta=dict(epoch=1, seed=np.arange(2)), message_hub={'a': [1]}))
    return Target('checkpoint', ('.pth', '.zip.pth'),
                  {'.pth': [whole.read_bytes()], '.zip.pth': [pickle_in(whole), *hostile_pickles()]}, read,
                  (*_PICKLE_WORDS, b'state_dict', b'__perception_kd__', b'ndarray', b'history'), wrap=torch_wrapped)


def _cache(root: Path) -> Target:
    from perception_kd.distill.teacher_cache.entries import RECORD, Entries
    from perception_kd.distill.teacher_cache.key import SampleKey
    from perception_kd.structures import BEVGrid, TapSpec

    teacher = dict(format='1', config='2')
    matrix = tuple(np.eye(4).ravel().tolist())
    folder = root / 'cache'
    entries = Entries(folder=folder, teacher=teacher, name='lidar')
    entries.record({'bev': TapSpec('bev', 'bev', 2, 'a map', grid=BEVGrid(-1.0, -1.0, 1.0, 1.0, cell=1.0))})
    key = SampleKey(token='a' * 32, stamp=('v', 's', 'p', 'c'), matrix=matrix, digest='d')
    entries.write(key, dict(bev=torch.arange(4.0)))
    entries.damaged = 1  # further ones are not named, only counted
    place, copied = folder / key.name, root / 'cache_copy' / RECORD
    copied.parent.mkdir()

    def read(path: Path) -> None:
        target = copied if path.suffix == '.json' else place
        target.write_bytes(path.read_bytes())
        try:
            if path.suffix == '.json':
                Entries(folder=copied.parent, teacher=teacher, name='lidar').specs()
            else:
                value = entries.read(key)
                assert value is None or isinstance(value, dict)
        except (ValueError, OSError) as error:
            check_line(error, target.parent.name if path.suffix == '.json' else target.name)

    entry = (folder / key.name).read_bytes()
    record = (folder / 'teacher.json').read_bytes()
    return Target('cache_entry', ('.pt', '.zip.pt', '.json'),
                  {'.pt': [entry], '.zip.pt': [pickle_in(folder / key.name), *hostile_pickles()], '.json': [record]},
                  read, (*_PICKLE_WORDS, *_JSON_WORDS, b'head', b'taps', b'teacher', b'matrix', b'content'),
                  wrap=torch_wrapped)


def _config(root: Path) -> Target:
    from perception_kd.engine.build import load_config

    def read(path: Path) -> None:
        load_config(path).to_dict()

    python = [b"model = dict(type='A', x=[1, 2.5, None], y='${z}')\nz = {'a': (1, 2)}\n", b"_base_ = ['other.py']\n",
              b"a = dict(b=dict(c=1))\nc = '${a.b}'\nd = '{{ fileBasename }}'\n", b"x = '${x}'\n"]
    yaml = [b'model:\n  type: A\n  x: [1, 2.5, null]\n', b'a: !!python/object/apply:os.system ["true"]\n',
            b'a: &x [1]\nb: *x\n', b'_base_: other.yaml\n']
    return Target('config', ('.py', '.json', '.yaml'),
                  {'.py': python, '.json': [b'{"model": {"type": "A", "x": [1, null]}}', b'{"_base_": []}'],
                   '.yaml': yaml}, read,
                  (*_JSON_WORDS, b'_base_', b'_delete_', b'${', b'}', b'{{', b'!!python/name:os.system', b'dict('),
                  allowed=frozenset(('exec',)), fits=_is_data)


def _is_data(content: bytes, suffix: str) -> bool:
    """Whether a config is no program: one of Python runs by design, so only those of plain values are tried."""
    if suffix != '.py':
        return True
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # nothing that could run
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    kinds = (ast.Module, ast.Assign, ast.Expr, ast.Name, ast.Load, ast.Store, ast.Constant, ast.Dict, ast.List,
             ast.Tuple, ast.Call, ast.keyword, ast.UnaryOp, ast.USub)
    return all(isinstance(node, kinds) for node in ast.walk(tree)) and all(
        isinstance(function, ast.Name) and function.id in ('dict', 'list', 'tuple') for function in calls)


def _uav_labels(root: Path) -> Target:
    from perception_kd.datasets.uav.boxes import clean_box, scaled
    from perception_kd.datasets.uav.formats.anti_uav import read_rectangles
    from perception_kd.datasets.uav.formats.drone_vs_bird import read_frame_lines
    from perception_kd.datasets.uav.formats.dut import read_track_lines
    from perception_kd.datasets.uav.formats.voc import read_xml_boxes
    from perception_kd.datasets.uav.formats.yolo import read_label_lines
    from perception_kd.datasets.uav.live import coco_pictures
    from perception_kd.datasets.uav.records import Tally

    size, tally = (64, 48), Tally()

    def numbers_of(path: Path) -> list[tuple[float, ...]]:
        if path.suffix == '.xml':
            return [box.xywh for box in read_xml_boxes(path, 1, tally)[0]]
        if path.name.endswith('.rect.json'):
            return [box.xywh for _, boxes in read_rectangles(path, tally) for box in boxes]
        if path.suffix == '.json':
            rows = coco_pictures(path, path.parent, truth=True).rows
            return [box['xywh'] for row in rows if (row['width'], row['height']) == size for box in row['boxes']]
        frames = [frame.boxes for frame in read_frame_lines(path, tally)]
        frames += [boxes or () for boxes in read_track_lines(path, 0, tally)]
        found = [scaled(box.xywh, size) for box in read_label_lines(path, ('drone', 'bird'), tally)]
        return found + [box.xywh for boxes in frames for box in boxes]

    def read(path: Path) -> None:
        for numbers in numbers_of(path):
            box, fault = clean_box(numbers, size)
            assert (box is None) <= bool(fault)
            assert box is None or (min(box) >= 0 and box[0] + box[2] <= 64.001 and box[1] + box[3] <= 48.001)

    xml = [b'<annotation><object><name>drone</name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>9</xmax><ymax>9</ymax>'
           b'</bndbox></object></annotation>', b'<?xml version="1.0" encoding="utf-7"?><a/>',
           b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>']
    coco = dict(info={}, images=[dict(id=1, file_name='a.jpg', width=64, height=48, video_id=1, frame_id=0)],
                videos=[dict(id=1, name='v')], categories=[dict(id=1, name='drone')],
                annotations=[dict(id=1, image_id=1, category_id=1, bbox=[1, 2, 3, 4], area=12, iscrowd=0)])
    stamped = {**coco, 'info': dict(pseudo_labels=dict(checkpoint='a.pth'))}
    seeds = {'.txt': [b'0 0.5 0.5 0.1 0.1\n', b'0 1 5 6 7 8 drone\n1 0\n', b'1,2,3,4\nnan nan nan nan\n'], '.xml': xml,
             '.json': [json.dumps(content).encode() for content in (coco, stamped)],
             '.rect.json': [b'{"exist": [1, 0], "gt_rect": [[1, 2, 3, 4], []]}']}
    words = (*_JSON_WORDS, b'nan', b'-1e308', b'inf', b' 0 0 0 0', b'drone', b'<!--', b'bndbox', b'"bbox"', b'"info"')
    return Target('uav_labels', tuple(seeds), seeds, read, words)


def pickle_in(path: Path) -> bytes:
    """The pickle inside a file of ``torch.save``."""
    with zipfile.ZipFile(BytesIO(path.read_bytes())) as archive:
        name = next(name for name in archive.namelist() if name.endswith('data.pkl'))
        return archive.read(name)


READERS: dict[str, Callable[[Path], Target]] = dict(
    radar_pcd=_radar, lidar_bin=_lidar, info_file=_infos, table=_tables, result_json=_results, checkpoint=_checkpoint,
    cache_entry=_cache, config=_config, uav_labels=_uav_labels)
"""What makes a target by its name, from a small nuScenes-format root (``tests/tiny_world.py``) with its info files,
whose files are the seeds."""

SHARES = dict(radar_pcd=0.3, lidar_bin=0.2, info_file=0.08, table=0.14, result_json=0.16, checkpoint=0.05,
              cache_entry=0.05, config=0.02, uav_labels=0.1)
"""Part of all inputs that each gets: quick readers more."""
