"""Config loading: overrides, a moved data root, and clear errors."""

from argparse import ArgumentParser

import pytest

from perception_kd.engine.build import build_runner, load_config
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
    ('a=[1,2', "argument --cfg-options: 'a=[1,2': Imbalanced brackets"),
])
def test_word_that_is_no_override(capsys, word, message):
    parser = ArgumentParser()
    parser.add_argument('--cfg-options', nargs='+', action=OverrideAction, default={})
    assert parser.parse_args(['--cfg-options', 'a.b=1', 'c=[2,x=3]']).cfg_options == {'a.b': 1, 'c': [2, 'x=3']}
    with pytest.raises(SystemExit):
        parser.parse_args(['--cfg-options', 'a=1', word])
    assert message in capsys.readouterr().err
