"""Point clouds packed by hand."""

import struct

import numpy as np
import pytest

from perception_kd.inference.pcd import read_pcd
from tests.inference.conftest import write_pcd

HEAD = """# .PCD v0.7
VERSION 0.7
FIELDS x _ snr id _ h
SIZE 4 1 8 2 1 4
TYPE F U F I U F
COUNT 1 3 1 1 2 2
WIDTH 2
HEIGHT 1
VIEWPOINT 0 0 0 1 0 0 0
POINTS 2
"""
ROWS = [(1.5, 9, 9, 9, -3.25, -7, 1, 2, 0.5, 4.0), (-2.0, 8, 8, 8, 1e9, 300, 3, 4, 0.25, 5.0)]
LAYOUT = '<f3BdhBBff'


def files(tmp_path):
    binary, text = tmp_path / 'binary.pcd', tmp_path / 'text.pcd'
    packed = b''.join(struct.pack(LAYOUT, *row) for row in ROWS)
    binary.write_bytes(HEAD.encode() + b'DATA binary\n' + packed + b'more')
    text.write_text(HEAD + 'DATA ascii\n' + '\n'.join(' '.join(map(str, row)) for row in ROWS) + '\n')
    return binary, text


def test_text_and_binary_hold_the_same(tmp_path):
    for path in files(tmp_path):
        cloud = read_pcd(path)
        assert cloud['x'].tolist() == [1.5, -2.0] and cloud['snr'].tolist() == [-3.25, 1e9]
        assert cloud['id'].tolist() == [-7, 300] and cloud['h'].tolist() == [0.5, 0.25]  # the first of two values


def test_without_points(tmp_path):
    path = write_pcd(tmp_path / 'none.pcd', {'x': [], 'y': []})
    assert len(read_pcd(path)['x']) == 0
    path.write_bytes(path.read_bytes().replace(b'ascii', b'binary'))
    assert len(read_pcd(path)['y']) == 0


@pytest.mark.parametrize(('change', 'line'), [
    (lambda b: b[:-30], 'truncated'), (lambda b: b.replace(b'DATA binary', b'DATA binary_compressed'), 'write it as'),
    (lambda b: b.replace(b'POINTS 2', b'POINTS -2'), 'unreadable PCD header'),
    (lambda b: b.replace(b'SIZE 4', b'SIZE 3'), 'unreadable PCD header'),
    (lambda b: b.replace(b'FIELDS x', b'FIELDS snr'), 'unreadable PCD header'), (lambda b: b'\x00' * 50, 'no PCD file'),
])  # fmt: skip
def test_damaged_files(tmp_path, change, line):
    path, _ = files(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(ValueError, match=line):
        read_pcd(path)


def test_damaged_text(tmp_path):
    _, path = files(tmp_path)
    whole = path.read_text()
    path.write_text(whole.replace('1.5 9', '1.5 nine'))
    with pytest.raises(ValueError, match='does not hold 10 numbers'):
        read_pcd(path)
    path.write_text(whole[:whole.index('-2.0')])
    with pytest.raises(ValueError, match='promises 2 points, 1 lines'):
        read_pcd(path)


def test_the_first_value_of_open3d_agrees(tmp_path):
    open3d = pytest.importorskip('open3d')
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    cloud = open3d.t.geometry.PointCloud(open3d.core.Tensor(points))
    for name, ascii_ in (('a.pcd', True), ('b.pcd', False)):
        open3d.t.io.write_point_cloud(str(tmp_path / name), cloud, write_ascii=ascii_)
        read = read_pcd(tmp_path / name)
        np.testing.assert_allclose(np.column_stack([read[axis] for axis in 'xyz']), points, rtol=1e-5)
