"""A recipe does what is not done, and again what changed."""

import json

import pytest

from perception_kd.engine.recipe import STATE_FILE, Recipe, Stage


def build(out, log, seed=0, fail=None):
    def run(name):
        def work():
            if name == fail:
                raise RuntimeError(f'{name} broke')
            log.append(name)
            (out / f'{name}.txt').write_text(name)
            return {'name': name}
        return work

    def stage(name, inputs, after=()):
        return Stage(name, name, run(name), inputs=inputs, after=after, outputs=(out / f'{name}.txt',))

    return Recipe(out, [stage('data', {'seed': seed}), stage('teacher', 'a', ('data',)), stage('other', 'b')],
                  echo=lambda line: None)


def test_second_run_does_nothing(tmp_path):
    log = []
    first = build(tmp_path, log).run()
    second = build(tmp_path, log).run()
    assert log == ['data', 'teacher', 'other']
    assert first == second == {name: {'name': name} for name in log}


def test_goes_on_after_a_failure(tmp_path):
    log = []
    with pytest.raises(RuntimeError, match='teacher broke'):
        build(tmp_path, log, fail='teacher').run()
    build(tmp_path, log).run()
    assert log == ['data', 'teacher', 'other']


def test_changed_input_reaches_what_stands_on_it(tmp_path):
    log = []
    build(tmp_path, log).run()
    build(tmp_path, log, seed=1).run()
    assert log == ['data', 'teacher', 'other', 'data', 'teacher']


def test_missing_output_is_made_again(tmp_path):
    log = []
    build(tmp_path, log).run()
    (tmp_path / 'teacher.txt').unlink()
    build(tmp_path, log).run()
    assert log[3:] == ['teacher']


def test_a_stage_resumes_with_its_own_inputs_only(tmp_path):
    found = []

    def recipe(inputs, fail=False):
        def run():
            found.append(sorted(path.name for path in (tmp_path / 'run').glob('epoch*')))
            (tmp_path / 'run' / f'epoch_{inputs}').touch()
            if fail:
                raise RuntimeError('power cut')
        return Recipe(tmp_path, [Stage('train', 'train', run, inputs=inputs, folder=tmp_path / 'run')],
                      echo=lambda line: None)

    with pytest.raises(RuntimeError):
        recipe(1, fail=True).run()
    recipe(1).run()
    recipe(2).run()
    assert found == [[], ['epoch_1'], []]


def test_damaged_state_file_is_not_trusted(tmp_path):
    log = []
    build(tmp_path, log).run()
    state = tmp_path / STATE_FILE
    assert set(json.loads(state.read_text())) == {'data', 'teacher', 'other'}
    state.write_text('{"data": ')
    build(tmp_path, log).run()
    assert log == ['data', 'teacher', 'other'] * 2


def test_unknown_stage_below(tmp_path):
    with pytest.raises(ValueError, match=r"teacher.*\['data'\]"):
        Recipe(tmp_path, [Stage('teacher', 'teacher', dict, after=('data',))])


def test_an_optional_stage_may_fail_and_is_tried_again(tmp_path):
    log, said, able = [], [], []

    def film():
        if not able:
            raise ValueError('no codec\nhere')
        (tmp_path / 'film').touch()

    def recipe():
        return Recipe(tmp_path, [
            Stage('film', 'film it', film, outputs=(tmp_path / 'film',), optional=True),
            Stage('report', 'tell it', lambda: log.append('report') or len(log), after=('film',))], echo=said.append)

    assert recipe().run() == {'film': None, 'report': 1}
    assert said[1] == '[1/2] film it: left out. no codec here'
    assert recipe().run() == {'film': None, 'report': 1}, 'tried again, and nothing new to tell'
    able.append(True)
    assert recipe().run() == {'film': None, 'report': 2}, 'what was left out before is told now'
    assert recipe().run() == {'film': None, 'report': 2} and said[-2].startswith('[1/2] film it: done before')


def test_a_stage_that_is_needed_stops_the_recipe(tmp_path):
    def fail():
        raise ValueError('no data')

    with pytest.raises(ValueError, match='no data'):
        Recipe(tmp_path, [Stage('data', 'data', fail)], echo=lambda line: None).run()
