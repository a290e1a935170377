"""What is compared, as it is written on a command line."""

from pathlib import Path

import pytest

from perception_kd.comparison.entry import Entry, checkpoints, parse_entries, parse_teachers
from perception_kd.engine.build import load_config

ROOT = Path(__file__).parents[2]
STUDENT, IMKD = (str(ROOT / 'configs' / 'demo' / f'{name}.py') for name in ('sim_student', 'sim_imkd'))


def test_an_entry_has_a_name_a_config_and_overrides() -> None:
    assert Entry.parse(STUDENT) == Entry('sim_student', Path(STUDENT))
    entry = Entry.parse(f'longer={STUDENT}@max_epochs=12@final_size=[64,176]')
    assert entry == Entry('longer', Path(STUDENT), {'max_epochs': 12, 'final_size': [64, 176]})


@pytest.mark.parametrize(('text', 'error', 'message'), [
    (f'={STUDENT}', ValueError, 'is not of the form'),
    ('name=', ValueError, 'is not of the form'),
    (f'{STUDENT}@max_epochs', ValueError, "'max_epochs' is not of the form KEY=VALUE"),
    (f'a/b={STUDENT}', ValueError, "'a/b' is no name for a file"),
    ('nowhere.py', FileNotFoundError, 'config nowhere.py does not exist'),
])
def test_what_is_no_entry_is_one_line(text: str, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Entry.parse(text)


def test_paths_may_hold_the_signs_of_the_form(tmp_path: Path) -> None:
    path = tmp_path / 'lr=3@day' / 'one.py'
    path.parent.mkdir()
    path.touch()
    assert Entry.parse(str(path)) == Entry('one', path)
    plain = path.rename(tmp_path / 'lr=3.py')
    assert Entry.parse(f'two={plain}@max_epochs=2') == Entry('two', plain, {'max_epochs': 2})
    with pytest.raises(ValueError, match=r"'lr=3' is no name for a file"):
        Entry.parse(str(plain))


def test_names_are_used_once() -> None:
    with pytest.raises(ValueError, match='two entries are called sim_student; name them'):
        parse_entries([STUDENT, STUDENT])


def test_teachers_have_files(tmp_path: Path) -> None:
    (tmp_path / 'a.pth').touch()
    assert parse_teachers([f'lidar={tmp_path}/a.pth']) == {'lidar': tmp_path / 'a.pth'}
    with pytest.raises(ValueError, match='NAME=CHECKPOINT'):
        parse_teachers(['lidar'])
    with pytest.raises(FileNotFoundError, match='checkpoint of teacher lidar nowhere does not exist'):
        parse_teachers(['lidar=nowhere'])


def test_a_config_gets_the_teachers_that_it_has(tmp_path: Path) -> None:
    lidar = tmp_path / 'a.pth'
    lidar.touch()
    cfg, options = Entry.parse(IMKD).load({'max_epochs': 3}, {'lidar': lidar, 'label': lidar}, seed=7)
    assert checkpoints(cfg) == [('lidar', 'model.teachers.lidar.checkpoint', str(lidar))]
    assert (cfg.randomness.seed, cfg.train_cfg.max_epochs) == (7, 3)
    assert load_config(IMKD, options).model == cfg.model
    with pytest.raises(ValueError, match='no checkpoint for teacher lidar; give --teacher lidar=CHECKPOINT'):
        Entry.parse(IMKD).load({}, {}, seed=0)


def test_teachers_without_a_file_need_no_checkpoint() -> None:
    cfg = load_config(IMKD)
    cfg.model.teachers = dict(
        free=dict(type='FrozenTeacher', model={}, allow_random=True), maps=dict(type='MapTeacher'))
    assert checkpoints(cfg) == [('free', 'model.teachers.free.checkpoint', None)]


@pytest.mark.parametrize('allow_random', [False, True])
def test_a_checkpoint_that_is_given_is_used_even_where_none_is_needed(tmp_path: Path, allow_random: bool) -> None:
    path = tmp_path / 'a.pth'
    path.touch()
    options = {'model.teachers.lidar.allow_random': allow_random}
    cfg, _ = Entry.parse(IMKD).load(options, {'lidar': path}, seed=0)
    assert cfg.model.teachers.lidar.checkpoint == str(path)
    if allow_random:
        assert Entry.parse(IMKD).load(options, {}, seed=0)[0].model.teachers.lidar.checkpoint is None
