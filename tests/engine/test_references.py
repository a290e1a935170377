"""Late references: the last value of a variable reaches every place that names it."""

import pytest
from mmengine.config import Config

from perception_kd.engine.references import resolve_references

BASE = """
data_root = 'data/base'
size = (128, 352)
split = dict(train='sim_train')
loader = dict(
    ann_file='${data_root}/infos_${split.train}.pkl',
    pipeline=[dict(type='ImageAug', final_size='${size}'), dict(type='Pack')])
copy_of_loader = '${loader}'
"""


@pytest.fixture
def child(tmp_path):
    (tmp_path / 'base.py').write_text(BASE)
    path = tmp_path / 'child.py'
    path.write_text("_base_ = ['./base.py']\ndata_root = 'data/child'\n")
    return path


def test_child_and_options_reach_the_base(child):
    cfg = Config.fromfile(str(child))
    cfg.merge_from_dict({'size': [64, 176], 'split.train': 'astyx_train'})
    cfg = resolve_references(cfg)
    assert cfg.loader.ann_file == 'data/child/infos_astyx_train.pkl'
    assert list(cfg.loader.pipeline[0].final_size) == [64, 176]
    assert cfg.copy_of_loader == cfg.loader
    assert cfg.filename.endswith('child.py')


def test_nothing_is_shared_between_places():
    cfg = resolve_references(Config({'size': [1, 2], 'a': '${size}', 'b': '${size}'}))
    cfg.a[0] = 9
    assert cfg.b == [1, 2] and cfg.size == [1, 2]


def test_a_choice_among_named_values():
    choices = {'shapes': {'square': {'sides': 4}, 'triangle': {'sides': 3}}, 'shape': '${shapes.square}',
               'sides': '${shape.sides}'}
    assert resolve_references(Config(choices)).sides == 4
    assert resolve_references(Config({**choices, 'shape': '${shapes.triangle}'})).sides == 3
    with pytest.raises(ValueError, match=r'circle: b -> a\.x -> b'):
        resolve_references(Config({'a': '${b}', 'b': '${a.x}'}))


def test_unknown_and_circular_names():
    with pytest.raises(ValueError, match=r'"\$\{nowhere\}" is used but the config has no nowhere'):
        resolve_references(Config({'a': '${nowhere}'}))
    with pytest.raises(ValueError, match='circle: b -> a -> b'):
        resolve_references(Config({'a': '${b}', 'b': '${a}'}))


def test_references_that_unfold_without_end():
    """Thirty lines that would fill any memory."""
    lines = [f"x{place} = '${{x{place + 1}}}${{x{place + 1}}}'" for place in range(30)]
    with pytest.raises(ValueError, match='more than 100000 references'):
        resolve_references(Config.fromstring('\n'.join([*lines, "x30 = 'a'"]), '.py'))
