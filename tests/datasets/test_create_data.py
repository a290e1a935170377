"""Making info files: parallel, interrupted, repeated, and asked for what is not there."""

import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest

from perception_kd.datasets.nuscenes import create
from perception_kd.datasets.nuscenes.create import InfoJob, create_infos
from perception_kd.datasets.nuscenes.stamp import load_infos
from perception_kd.datasets.nuscenes.tables import split_scenes
from tests.tiny_world import VERSION

TOOL = Path(__file__).parents[2] / 'tools' / 'create_data.py'


@pytest.fixture
def job(tiny_root, tmp_path):
    return InfoJob(root=tiny_root, version=VERSION, out=tmp_path / 'infos')


def make(job, **options):
    lines = []
    files = create_infos(job, echo=lines.append, **options)
    return files, lines


def test_workers_make_the_same_files(job, tiny_root):
    files, lines = make(job, workers=2)
    assert set(files) == {'tiny_train', 'tiny_val'} and len(lines) == 2
    for path in files.values():
        assert load_infos(path) == load_infos(tiny_root / path.name)
    assert [info['sample_idx'] for info in load_infos(files['tiny_train'])[1]] == list(range(6))
    assert sorted(path.name for path in job.out.iterdir()) == sorted(path.name for path in files.values())


@pytest.mark.parametrize('force', [False, True])
def test_interrupted_run_goes_on(job, monkeypatch, force):
    made = []
    real = create.scene_infos

    def interrupted(tables, scene, **options):
        made.append(scene)
        if len(made) == 2:
            raise KeyboardInterrupt
        return real(tables, scene, **options)

    monkeypatch.setattr(create, 'scene_infos', interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(job)
    assert not list(job.out.glob('*.pkl'))
    files, _ = make(job, force=force)
    again = ['tiny-0'] if force else []  # otherwise the first scene is not made again
    assert made == ['tiny-0', 'tiny-1', *again, 'tiny-1', 'tiny-2']
    assert len(load_infos(files['tiny_train'])[1]) == 6
    assert not list(job.out.glob('.*'))


def test_up_to_date_files_are_kept(job, monkeypatch):
    make(job)
    monkeypatch.setattr(create, 'NuScenesTables', None)  # nothing may be read again
    _, lines = make(job)
    assert sorted(line.split(': ')[1] for line in lines) == ['up to date', 'up to date']


def test_changed_settings_and_tables_make_them_again(job, tiny_root, tmp_path):
    make(job)
    fewer = InfoJob(root=tiny_root, version=VERSION, out=job.out, lidar_sweeps=1)
    files, _ = make(fewer)
    assert max(len(info['lidar_sweeps']) for info in load_infos(files['tiny_train'])[1]) == 1
    root = tmp_path / 'changed'
    shutil.copytree(tiny_root / VERSION, root / VERSION)
    table = root / VERSION / 'sample_annotation.json'
    rows = json.loads(table.read_text())
    table.write_text(json.dumps(rows[:0]))
    files, lines = make(InfoJob(root=root, version=VERSION, out=job.out, lidar_sweeps=1))
    assert '0 boxes' in lines[0] and load_infos(files['tiny_train'])[1][0]['instances'] == []


def test_splits(job, tiny_root, tmp_path):
    files, _ = make(job, splits=['tiny_val'])
    assert list(files) == ['tiny_val'] and len(list(job.out.iterdir())) == 1
    with pytest.raises(ValueError, match='no split val; it has tiny_train, tiny_val'):
        make(job, splits=['val'])
    root = tmp_path / 'official'
    shutil.copytree(tiny_root / VERSION, root / 'v1.0-mini')
    (root / 'v1.0-mini' / 'splits.json').unlink()
    official = InfoJob(root=root, version='v1.0-mini', out=root)
    assert 'scene-0103' in split_scenes(root, 'v1.0-mini')['mini_val']
    files, lines = make(official)
    assert files == {} and 'mini_val: skipped, none of its 2 scenes' in lines[1]
    with pytest.raises(ValueError, match='split mini_val: none of its 2 scenes'):
        make(official, splits=['mini_val'])
    (root / 'v1.0-mini').rename(root / 'v1.0-own')
    assert split_scenes(root, 'v1.0-own') == {'all': ['tiny-0', 'tiny-1', 'tiny-2']}


def run_tool(monkeypatch, *arguments):
    monkeypatch.setattr(sys, 'argv', [str(TOOL), *map(str, arguments)])
    with pytest.raises(SystemExit) as stop:
        runpy.run_path(str(TOOL), run_name='__main__')
    return stop.value.code


def test_command_line(tiny_root, tmp_path, monkeypatch, capsys):
    arguments = ('nuscenes', '--root', tiny_root, '--out', tmp_path, '--version')
    assert run_tool(monkeypatch, *arguments, VERSION, '--splits', 'tiny_val') == 0
    assert (tmp_path / 'nuscenes_infos_tiny_val.pkl').is_file()
    capsys.readouterr()
    for version, root, message in [
            ('v1.0-mini', tiny_root, f"no version 'v1.0-mini'; versions there: {VERSION}"),
            (VERSION, tmp_path / 'gone', 'does not exist')]:
        assert run_tool(monkeypatch, 'nuscenes', '--root', root, '--version', version) == 1
        error = capsys.readouterr().err
        assert error.startswith('error: ') and error.count('\n') == 1 and message in error


def test_broken_tables(tiny_root, tmp_path):
    def root_with(change):
        root = tmp_path / change.__name__
        shutil.copytree(tiny_root / VERSION, root / VERSION)
        change(root / VERSION)
        return InfoJob(root=root, version=VERSION, out=root)

    def cut(folder):
        table = folder / 'ego_pose.json'
        table.write_text(table.read_text()[:100])

    def remove(folder):
        (folder / 'category.json').unlink()

    def drop_rows(folder):
        (folder / 'ego_pose.json').write_text('[]')

    def drop_column(folder):
        (folder / 'sample.json').write_text('[{"token": "a"}]')

    for change, kind, message in [
            (cut, ValueError, r'ego_pose\.json is not valid JSON'),
            (remove, FileNotFoundError, r'category\.json is missing'),
            (drop_rows, ValueError, r"ego_pose\.json has no row '"),
            (drop_column, ValueError, r'sample\.json: not a nuScenes table')]:
        with pytest.raises(kind, match=message):
            make(root_with(change))
