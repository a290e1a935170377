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
