"""Every writer on a full disk: one line that names the file, the old file as it was, nothing left over."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

from perception_kd.cli import one_line
from perception_kd.datasets.nuscenes.formats import write_lidar_bin, write_radar_pcd
from perception_kd.datasets.nuscenes.stamp import save_infos
from perception_kd.datasets.nuscenes.writer import NuScenesWriter
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.engine.safe_checkpoint import write_checkpoint
from perception_kd.files import DiskFullError, atomic_path, naming_full_disk, write_json
from perception_kd.visualization.sheet import Sheet
from tests.full_disk import file_size_limit, filled, small_file_system

LIMIT = 5000


def draw(path: Path, size: int) -> None:
    sheet = Sheet(width=30 + size // 50, height=30 + size // 50)
    sheet.axes(0, 0, 30 + size // 50, 30 + size // 50).imshow(np.random.default_rng(0).random((size // 50 + 2,) * 2))
    sheet.save(path)


def write_nested(path: Path, size: int) -> None:
    """As an export does: a checkpoint to the temporary name of another writer."""
    with atomic_path(path) as temporary:
        write_checkpoint(temporary, {'w': torch.zeros(size)})


def write_tables(path: Path, size: int) -> None:
    writer = NuScenesWriter(path.parent, path.name, force=True)
    for number in range(size // 50):
        writer.add_log(logfile=f'log {number}')
    writer.finish()


def run_recipe(path: Path, size: int) -> None:
    Recipe(path.parent, [Stage('a', 'a', lambda: 'x' * size, inputs=size)], echo=lambda line: None).run()


WRITERS = {
    'a.json': lambda path, size: write_json(path, 'x' * size),
    'a.pth': lambda path, size: write_checkpoint(path, {'w': torch.zeros(size)}),
    'nested.pth': write_nested,
    'a.pkl': lambda path, size: save_infos(path, {}, [{'a': 'x' * size}]),
    'a.pcd.bin': lambda path, size: write_lidar_bin(path, np.ones((size // 20, 5))),
    'a.pcd': lambda path, size: write_radar_pcd(path, np.ones((18, size // 43))),
    'a.png': draw,
    'v1.0-full': write_tables,
    'recipe.json': run_recipe,
}


@contextmanager
def a_limit(folder: Path):
    yield lambda: file_size_limit(LIMIT)


@contextmanager
def a_full_file_system(folder: Path):
    with small_file_system(folder):
        yield lambda: filled(folder)


def content_of(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path.parent)): file.read_bytes() for file in sorted(path.parent.rglob('*'))
            if file.is_file() and file.name != 'filler'}


@pytest.mark.parametrize('full', [a_limit, a_full_file_system])
@pytest.mark.parametrize('name', WRITERS)
def test_full_disk(tmp_path, name, full):
    path, write = tmp_path / name, WRITERS[name]
    with full(tmp_path) as filling:
        write(path, 50)
        before = content_of(path)
        (tmp_path / '.stage-key').unlink(missing_ok=True)
        with filling(), pytest.raises(DiskFullError) as caught:
            write(path, 60_000)
        assert content_of(path) == before
        line = one_line(caught.value)
        assert line.startswith(f'no space left writing {path.parent}') and path.stem in line
        assert '.partial' not in line
        write(path, 100)
        assert content_of(path) != before, 'and when there is space, it goes on'


def test_other_errors_stay_what_they_are(tmp_path):
    with pytest.raises(RuntimeError, match='a defect'), atomic_path(tmp_path / 'a'):
        raise RuntimeError('a defect')
    (tmp_path / 'file').write_text('x')
    with pytest.raises(NotADirectoryError) as caught:
        write_json(tmp_path / 'file' / 'a.json', 1)
    assert one_line(caught.value) == f'{tmp_path / "file"} is a file; name a folder'


def test_the_file_is_named_rather_than_its_folder(tmp_path):
    with file_size_limit(100), pytest.raises(DiskFullError, match=r'writing .*a\.json \('), naming_full_disk(tmp_path):
        write_json(tmp_path / 'a.json', 'x' * 1000)
    with file_size_limit(100), pytest.raises(DiskFullError, match=f'writing {tmp_path} '), naming_full_disk(tmp_path):
        (tmp_path / 'a.json').write_text('x' * 1000)
