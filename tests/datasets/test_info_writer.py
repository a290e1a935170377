"""Info files written one info after another are plain pickles, and say their stamp without being read."""

from __future__ import annotations

import pickle

import pytest

from perception_kd.datasets.nuscenes.info_writer import open_info_file, pack, unpack
from perception_kd.datasets.nuscenes.stamp import load_infos, load_stamp, make_stamp, save_infos

STAMP = make_stamp(version='v', split='train', note='metainfo')
shared = [1.5, float('inf')]
INFOS = [{'token': name, 'metainfo': 'not the stamp', 'boxes': [shared, shared, {'a': None, 'b': (1, True)}],
          'long': list(range(300)), 'name': 'é' * 300} for name in 'abc']


def write(path, infos=INFOS):
    with open_info_file(path) as out:
        for info in infos:
            out.add(pack(info))
        out.finish(STAMP)


def test_it_is_a_plain_pickle(tmp_path):
    path = tmp_path / 'infos.pkl'
    write(path)
    wanted = [{**info, 'sample_idx': place} for place, info in enumerate(INFOS)]
    assert pickle.loads(path.read_bytes()) == {'data_list': wanted, 'metainfo': STAMP}
    assert load_infos(path) == (STAMP, wanted) and load_stamp(path) == STAMP
    assert list(tmp_path.iterdir()) == [path]
    write(path, [])
    assert load_infos(path) == (STAMP, []) and load_stamp(path) == STAMP
    assert [unpack(pack(info)) for info in INFOS] == INFOS


def test_the_stamp_is_read_alone(tmp_path):
    path = tmp_path / 'infos.pkl'
    write(path)
    content = bytearray(path.read_bytes())
    content[60:200] = bytes(140)
    path.write_bytes(content)
    assert load_stamp(path) == STAMP
    with pytest.raises(ValueError, match='damaged'):
        load_infos(path)


def test_files_of_other_forms(tmp_path):
    path = tmp_path / 'infos.pkl'
    save_infos(path, STAMP, INFOS)
    assert load_stamp(path) == STAMP
    write(path)
    for content, said in ((path.read_bytes()[:-20], 'damaged'), (b'', 'damaged'), (pickle.dumps([1]), 'not an info')):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=rf'infos\.pkl: {said}'):
            load_stamp(path)
    with pytest.raises(FileNotFoundError, match='is missing'):
        load_stamp(tmp_path / 'gone.pkl')


def test_no_code_is_run(tmp_path):
    path = tmp_path / 'infos.pkl'
    with open_info_file(path) as out:
        out.finish({'schema': print})
    with pytest.raises(ValueError, match=r'holds a Python object \(builtins\.print\)'):
        load_stamp(path)


def test_an_error_leaves_what_was_there(tmp_path):
    path = tmp_path / 'infos.pkl'
    write(path)
    with pytest.raises(KeyboardInterrupt), open_info_file(path) as out:
        out.add(pack(INFOS[0]))
        raise KeyboardInterrupt
    assert len(load_infos(path)[1]) == 3 and list(tmp_path.iterdir()) == [path]
