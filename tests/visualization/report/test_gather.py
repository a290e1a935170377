"""Which runs a command line means, what they are, and what lies beside them."""

import json
import shutil
from pathlib import Path

import pytest

from perception_kd.files import write_bytes, write_json
from perception_kd.visualization.report.gather import gather
from perception_kd.visualization.report.runs import DISTILLED, STUDENT, TEACHER
from tests.tiny_world import VERSION
from tests.visualization.report.run_folders import (
    SPLIT,
    distiller_config,
    log_rows,
    student_config,
    write_scores,
    write_training,
)


@pytest.fixture(scope='module')
def made(tmp_path_factory, tiny_root):
    """A teacher that is named by its student only, a student that is trained, one that is scored too."""
    out, steps = tmp_path_factory.mktemp('runs'), range(5, 25, 5)
    write_training(out / 'big', student_config(tiny_root), log_rows(steps))
    write_training(out / 'plain', student_config(tiny_root), log_rows(range(5, 15, 5)))
    write_training(out / 'kd', distiller_config(tiny_root, out / 'runs' / 'big'), log_rows(steps, pairs=True))
    write_scores(out / 'kd' / 'test', tiny_root, seed=0)
    return out


@pytest.fixture
def folder(tmp_path, made):
    """The same runs, to be changed."""
    return Path(shutil.copytree(made, tmp_path / 'runs'))


def test_a_folder_of_runs_is_expanded_and_roles_are_recognised(folder, tiny_root):
    found = gather([folder])
    assert [(run.title, run.role, run.scored) for run in found.runs] == [
        ('big', TEACHER, False), ('plain', STUDENT, False), ('kd', DISTILLED, True)]
    assert found.baseline == 'plain' and found.title == folder.name
    kd, plain = found.runs[2], found.runs[1]
    assert (kd.data.root, kd.data.version, kd.data.split) == (tiny_root, VERSION, SPLIT)
    assert kd.data.infos == tiny_root / f'nuscenes_infos_{SPLIT}.pkl' and kd.results.parent.name == 'test'
    assert kd.metrics['mAP'] == json.loads((folder / 'kd/test/metrics_summary.json').read_text())['mean_ap']
    assert (plain.epochs, kd.epochs, kd.seed) == ((1, 2), (2, 2), 0)


def test_titles_teachers_and_baseline_are_as_told(folder):
    found = gather([f'A b={folder / "plain"}', folder / 'kd', folder / 'big'], baseline='kd', teachers=['A b'])
    assert [(run.title, run.role) for run in found.runs] == [('A b', TEACHER), ('big', TEACHER), ('kd', DISTILLED)]
    assert found.baseline == 'kd'
    assert gather([f'lr=1/2={folder / "plain"}']).runs[0].title == 'lr=1/2'
    twice = gather([folder / 'plain', folder / 'plain'])
    assert len({run.title for run in twice.runs}) == 2


def test_a_recipe_gives_order_and_times(folder):
    times = dict(simulate=9.0, train_plain=7.5, train_kd=8.5, score_kd=0.5)
    write_json(folder / 'recipe.json', {name: dict(key='k', seconds=time) for name, time in times.items()})
    found = gather([folder])
    assert [run.title for run in found.runs] == ['plain', 'kd']
    assert found.runs[1].seconds == dict(train=8.5, score=0.5)


def test_a_comparison_is_read_with_or_without_its_work(tmp_path, tiny_root):
    for name, seed, value in (('none', 0, 0.1), ('none', 1, 0.2), ('kd', 0, 0.15), ('kd', 1, 0.3)):
        write_json(tmp_path / f'{name}-seed{seed}.json', dict(
            format='perception_kd comparison run 1', name=name, seed=seed, key={}, metrics=dict(mAP=value, NDS=None),
            seconds=dict(train=5.0), world='w', commit='abc', versions=dict(torch='2'), machine={}))
        config = distiller_config(tiny_root, tmp_path) if name == 'kd' else student_config(tiny_root)
        write_training(tmp_path / 'work' / f'{name}-seed{seed}', config, log_rows(range(5, 15, 5)))
    write_json(tmp_path / 'teacher-lidar.json', dict(format='perception_kd comparison teacher 1', name='lidar', key={},
                                                     metrics=dict(mAP=0.5, NDS=0.4)))
    found = gather([tmp_path])
    assert [(one.title, one.role, one.values('mAP')) for one in found.methods] == [
        ('teacher lidar', TEACHER, [0.5]), ('none', STUDENT, [0.1, 0.2]), ('kd', DISTILLED, [0.15, 0.3])]
    assert found.baseline == 'none' and found.runs[1].title == 'none, seed 0'
    assert found.runs[1].record['commit'] == 'abc' and found.worlds == ('w',)
    shutil.rmtree(tmp_path / 'work')
    assert [one.values('mAP') for one in gather([tmp_path]).methods] == [[0.5], [0.15, 0.3], [0.1, 0.2]]


def test_data_of_another_world_is_not_taken_for_that_of_the_scores(folder):
    path = folder / 'kd' / 'test' / 'metrics_summary.json'
    summary = json.loads(path.read_text())
    write_json(path, dict(summary, meta=dict(summary['meta'], world='another')))
    run = gather([folder / 'kd']).runs[0]
    assert (run.data.root, run.data.infos, run.data.world) == (None, None, 'another')


def test_other_files_are_found_but_not_the_insides_of_runs_and_data(folder):
    for name in ('robustness.json', 'pictures/scene.png', 'film.mp4', 'kd/20250101_000000/x.png', '.hidden.json',
                 'data/samples/C/a.jpg', 'latency_a.json', 'bias/bias.json'):
        write_bytes(folder / name, b'{}')
    extras = gather([folder]).extras
    found = extras.robustness + extras.latency + extras.bias + extras.pictures + extras.films
    assert [path.name for path in found] == ['robustness.json', 'latency_a.json', 'bias.json', 'scene.png', 'film.mp4']
    assert gather([folder / 'robustness.json']).extras.files == (folder / 'robustness.json',)


@pytest.mark.parametrize('name, content, message', [
    ('kd/test/metrics_summary.json', '{', r'metrics_summary\.json is not valid JSON'),
    ('kd/test/metrics_summary.json', '{"mean_ap": 1}', 'damaged: no nd_score'),
    ('kd/test/metrics_details.json', '[1]', 'damaged: no table of names'),
    ('kd/test/metrics_details.json', '{"car:2.0": {"recall": []}}', 'no recall and precision for car:2.0'),
    ('kd/20250101_000000/vis_data/config.py', 'x = (', r'config\.py is damaged'),
    ('recipe.json', '{"a', r'recipe\.json is not valid JSON')])
def test_a_damaged_file_is_named_in_one_line(folder, name, content, message):
    (folder / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        gather([folder])
    assert '\n' not in str(caught.value)


def test_what_cannot_be_meant_is_said(folder, tmp_path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(FileNotFoundError, match='nowhere does not exist'):
        gather(['title=nowhere'])
    with pytest.raises(ValueError, match='holds no run and nothing else'):
        gather([tmp_path / 'empty'])
    with pytest.raises(ValueError, match='no run is called x; there are'):
        gather([folder], baseline='x')
    with pytest.raises(ValueError, match='no run is called y'):
        gather([folder], teachers=['y'])


def test_data_that_were_moved_with_their_run_are_found(tiny_root, tmp_path):
    demo = tmp_path / 'demo'
    shutil.copytree(tiny_root / VERSION, demo / 'data' / VERSION)
    write_training(demo / 'plain', student_config('work_dirs/demo_then/data'), log_rows(range(5, 25, 5)))
    write_scores(demo / 'plain', tiny_root, seed=0)
    place = gather([demo / 'plain']).runs[0].data
    assert (place.root, place.version, place.split) == (demo / 'data', VERSION, SPLIT)
