"""Sensor files behind a storage backend: the same samples as from the disk, and one line on what is not there."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.fileio import BaseStorageBackend, register_backend
from mmengine.registry import init_default_scope

from perception_kd.datasets.nuscenes.formats import read_lidar_bin, read_radar_pcd
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.pictures import read_image
from perception_kd.datasets.transforms import LoadLidarSweeps, LoadMultiViewImages, LoadRadarSweeps
from perception_kd.engine.build import load_config
from perception_kd.registry import DATASETS
from tests.tiny_world import VERSION

CONFIG = Path(__file__).parents[2] / 'configs/demo/sim_student.py'
TRAIN, BUCKET = 'nuscenes_infos_tiny_train.pkl', 'vault://bucket/tiny'


@register_backend('vault', prefixes='vault')
class Vault(BaseStorageBackend):
    """Objects in a dictionary; ``path_mapping`` as Petrel's."""

    objects: dict[str, bytes] = {}

    def __init__(self, path_mapping: dict[str, str] | None = None) -> None:
        self.path_mapping = path_mapping or {}

    def get(self, filepath: str) -> memoryview:
        for old, new in self.path_mapping.items():
            filepath = filepath.replace(old, new, 1)
        return memoryview(self.objects[filepath])

    def get_text(self, filepath: str) -> str:
        return bytes(self.get(filepath)).decode()


@register_backend('silent', prefixes='silent')
class Silent(Vault):
    """As Petrel: None for what is not there."""

    def get(self, filepath: str) -> bytes | None:
        return self.objects.get(filepath)


@register_backend('broken', prefixes='broken')
class Broken(Vault):
    """Its connection fails."""

    def get(self, filepath: str) -> bytes:
        raise RuntimeError('connection\nreset')


@pytest.fixture(scope='module')
def bare_root(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Tables and info files alone; what the sensors saw is in the vault."""
    root = tmp_path_factory.mktemp('bare')
    (root / VERSION).symlink_to(tiny_root / VERSION)
    for file in tiny_root.glob('*.pkl'):
        (root / file.name).symlink_to(file)
    Vault.objects.update({f'{BUCKET}/{file.relative_to(tiny_root)}': file.read_bytes()
                          for folder in ('samples', 'sweeps') for file in (tiny_root / folder).rglob('*.*')})
    yield root
    Vault.objects.clear()


def build(root: Path, **options: object):
    """The training set of the demo's student, with past frames."""
    cfg = load_config(CONFIG, {'data_root': str(root), 'train_split': 'tiny_train', 'past_frames': (1,),
                               'lidar_sweeps': 3, **{key.replace('__', '.'): value for key, value in options.items()}})
    init_default_scope('perception_kd')
    return DATASETS.build(cfg.train_dataloader.dataset)


def sample(dataset, index: int) -> dict:
    np.random.seed(index)
    torch.manual_seed(index)
    return dataset[index]


def assert_equal(one, other) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert_equal(value, other[key])
    else:
        assert len(one) == len(other)
        for left, right in zip(one, other):
            assert_equal(left, right)


@pytest.mark.parametrize('how', ['address', 'mapping'])
def test_a_data_set_behind_a_backend_has_the_samples_of_the_disk(tiny_root, bare_root, how):
    settings = dict(sensor_root=BUCKET) if how == 'address' else dict(
        backend_args__backend='vault', backend_args__path_mapping={str(bare_root): BUCKET})
    disk, behind = build(tiny_root), build(bare_root, **settings)
    assert len(disk) == len(behind) == 6 and not (bare_root / 'samples').exists()
    for index in range(len(disk)):
        one, other = sample(disk, index), sample(behind, index)
        assert len(one['inputs']['points']) and len(one['inputs']['radar']) and one['inputs']['past']
        assert_equal(one['inputs'], other['inputs'])
        one, other = one['data_samples'], other['data_samples']
        assert one.token == other.token
        assert torch.equal(one.gt_instances_3d.bboxes_3d.tensor, other.gt_instances_3d.bboxes_3d.tensor)


def test_a_missing_object_is_one_line_or_one_corrupt_sample(bare_root, monkeypatch):
    info = load_infos(bare_root / TRAIN)[1][2]
    path = f'{BUCKET}/samples/CAM_FRONT/{info["images"]["CAM_FRONT"]["img_path"]}'
    monkeypatch.delitem(Vault.objects, path)
    dataset = build(bare_root, sensor_root=BUCKET)
    with pytest.raises(FileNotFoundError) as caught:
        dataset.prepare_data(2)
    assert str(caught.value) == f'{path}: no such picture behind Vault; check sensor_root and backend_args'
    lenient = build(bare_root, sensor_root=BUCKET, train_dataloader__dataset__max_corrupt=1)
    assert lenient.prepare_data(2) is None and lenient.prepare_data(5) is not None


@pytest.mark.parametrize(('read', 'what'), [(read_image, 'picture'), (read_lidar_bin, 'LiDAR sweep'),
                                            (read_radar_pcd, 'radar sweep')])
def test_every_reader_tells_what_the_backend_says(read, what):
    with pytest.raises(FileNotFoundError, match=f'^silent://a/b: no such {what} behind Silent'):
        read('silent://a/b')
    with pytest.raises(OSError, match=f'^broken://a/b: Broken cannot read this {what}: RuntimeError: connection'):
        read('broken://a/b')
    with pytest.raises(ValueError, match=r'^nowhere://a/b: no storage backend for such an address; .*s3://, .*vault://'):
        read('nowhere://a/b')
    with pytest.raises(ValueError, match=r"backend_args \{'backend': 'vault', 'speed': 3\} do not fit"):
        read('a/b', backend_args=dict(backend='vault', speed=3))
    with pytest.raises(FileNotFoundError, match=f'^a/b: no such {what}; check the data root'):
        read('a/b', backend_args={})


@pytest.mark.parametrize('loader', [LoadMultiViewImages, LoadLidarSweeps, LoadRadarSweeps])
def test_loaders_refuse_an_unknown_backend(loader):
    with pytest.raises(ValueError, match=r"no storage backend 'petral'; it has local, .*petrel, .*vault"):
        loader(backend_args=dict(backend='petral'))
    with pytest.raises(ValueError, match='backend_args is a dictionary'):
        loader(backend_args='petrel')
    assert loader().backend_args == loader(backend_args=None).backend_args == {}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        if 'busy' in self.path:
            self.send_error(503)
        else:
            super().do_GET()


def test_files_of_a_web_server(tiny_root, bare_root):
    with HTTPServer(('127.0.0.1', 0), partial(Quiet, directory=str(tiny_root))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            address = f'http://127.0.0.1:{server.server_port}'
            assert_equal(sample(build(tiny_root), 1)['inputs'],
                         sample(build(bare_root, sensor_root=f'{address}/'), 1)['inputs'])
            with pytest.raises(FileNotFoundError, match=r'/gone.bin: no such LiDAR sweep behind HTTPBackend'):
                read_lidar_bin(f'{address}/gone.bin')
            with pytest.raises(OSError, match=r'/busy.bin: HTTPBackend cannot read this LiDAR sweep: .*503'):
                read_lidar_bin(f'{address}/busy.bin')
        finally:
            server.shutdown()
            thread.join()


def test_absolute_paths_and_addresses_of_infos_stand_for_themselves():
    from perception_kd.datasets.nuscenes.sensor_files import locate

    assert locate('s3://b/n/', 'CAM_FRONT', 'x.jpg') == 's3://b/n/samples/CAM_FRONT/x.jpg'
    assert locate('s3://b/n', 'CAM_FRONT', 'sweeps/CAM_FRONT/x.jpg') == 's3://b/n/sweeps/CAM_FRONT/x.jpg'
    assert locate('s3://b/n', 'CAM_FRONT', '/disk/x.jpg') == locate('data', 'CAM_FRONT', '/disk/x.jpg') == '/disk/x.jpg'
    assert locate('data', 'CAM_FRONT', 's3://c/x.jpg') == locate('s3://b', 'CAM_FRONT', 's3://c/x.jpg') == 's3://c/x.jpg'
    assert locate('data', 'LIDAR_TOP', 'x.bin') == 'data/samples/LIDAR_TOP/x.bin'
