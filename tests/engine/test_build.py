"""Config loading: overrides, a moved data root, and clear errors."""

from argparse import ArgumentParser

import pytest

from perception_kd.engine.build import build_runner, load_config, require
from perception_kd.overrides import OverrideAction

TEXT = """
data_root = 'data/sim'
dataset = dict(data_root='${data_root}', ann_file='${data_root}/infos.pkl')
optim_wrapper = dict(type='OptimWrapper')
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / 'config.py'
    path.write_text(TEXT)
    return path


def test_data_root_moves_everywhere(config):
    cfg = load_config(config, {'data_root': '/elsewhere'})
    assert cfg.dataset.data_root == '/elsewhere' and cfg.dataset.ann_file == '/elsewhere/infos.pkl'


def test_overrides(config):
    assert load_config(config, {'dataset.ann_file': 'x'}).dataset.ann_file == 'x'


def test_override_inside_of_a_reference(config):
    config.write_text(TEXT + "pairs = dict(a=dict(weight=1.0), b=dict(weight=2.0))\nmodel = dict(pairs='${pairs}')\n")
    cfg = load_config(config, {'model.pairs.a.weight': 0.0, 'pairs.b.weight': 3.0})
    assert cfg.model.pairs.to_dict() == dict(a=dict(weight=0.0), b=dict(weight=3.0))
    assert cfg.pairs.a.weight == 1.0


def test_override_that_does_not_fit(config):
    with pytest.raises(ValueError, match='override does not fit'):
        load_config(config, {'optim_wrapper.type.name': 'x'})


def test_an_override_that_nothing_reads_is_refused(config):
    config.write_text(TEXT + "lam = dict(a=1.0, b=2.0)\nother = dict(a=1.0)\nloss = dict(a='${lam.a}', b='x${lam.b}')\n"
                             "kinds = dict(one=dict(type='A'))\nkind = '${kinds.one}'\nboth = '${loss}'\n")
    with pytest.raises(ValueError, match=r'config\.py: nothing reads lam\.c; lam has a, b'):
        load_config(config, {'lam.c': 0.5})
    for options in ({'lam.a': 0.5}, {'lam.c': 0.5, 'loss.c': '${lam.c}'}, {'loss.d': 1}, {'other.b': 1}, {'new.b': 1},
                    {'kinds.two': 2, 'kind': '${kinds.two}'}, {'kinds.one.size': 3}, {'optim_wrapper.clip': 1}):
        load_config(config, options)


def test_training_that_is_all_warm_up_is_refused(tmp_path):
    options = {'max_epochs': 1, 'warmup_epochs': 1}
    with pytest.raises(ValueError, match='would begin at 1 and end at 1: max_epochs must exceed warmup_epochs'):
        build_runner(load_config('configs/demo/sim_teacher.py', options), work_dir=tmp_path, brief=True)


def test_sections_that_are_no_dictionaries(config):
    with pytest.raises(ValueError, match=r"config\.py: model is a dictionary of settings; got 'abc'"):
        require(load_config(config, {'model': 'abc'}), 'optim_wrapper', 'model')


@pytest.mark.parametrize(('options', 'message'), [
    ({'point_cloud_range': 5}, r"sim_teacher\.py: cannot be built: TypeError: .*has no len"),
    ({'train_cfg.max_epochs': -1}, r'sim_teacher\.py: max_epochs must be a whole number, 1 or more, got -1'),
])
def test_setting_that_nothing_can_be_built_from(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        build_runner(load_config('configs/demo/sim_teacher.py', options), work_dir=tmp_path, brief=True)


def test_missing_and_broken_config(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'none\.py does not exist'):
        load_config(tmp_path / 'none.py')
    broken = tmp_path / 'broken.py'
    broken.write_text('model = dict(')
    with pytest.raises(ValueError, match=r'broken\.py cannot be read'):
        load_config(broken)


@pytest.mark.parametrize(('word', 'message'), [
    ('foo', "argument --cfg-options: 'foo' is not of the form KEY=VALUE"),
    ('=1', "argument --cfg-options: '=1' is not of the form KEY=VALUE"),
    ("a=[dict(type='X',at=['y'])]", "at=['y'])]\" is more than a list of words and numbers; write it into a config"),
    ('a=[1,2', "argument --cfg-options: 'a=[1,2': Imbalanced brackets"),
])
def test_word_that_is_no_override(capsys, word, message):
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={})
    assert parser.parse_args(['--cfg-options', 'a.b=1', 'c=[2,x=3]']).cfg_options == {'a.b': 1, 'c': [2, 'x=3']}
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a=1', word])
    assert message in capsys.readouterr().err


@pytest.mark.parametrize('text', ['a: !!python/object/apply:os.getcwd []', 'a: !!python/name:os.system',
                                  '!!python/object/new:os.system ["true"]'])
def test_yaml_is_data(tmp_path, text):
    path = tmp_path / 'config.yaml'
    path.write_text(text)
    with pytest.raises(ValueError, match=r'config\.yaml cannot be read: ConstructorError'):
        load_config(path)
    path.write_text('a: [1, 2.5, null]\nb: ${a}')
    assert load_config(path).b == [1, 2.5, None]
