"""Recipes as configs: what they say is read, handed to every stage, and refused where it does not fit."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from mmengine.config import Config

from perception_kd.engine import recipe_config
from perception_kd.engine.build import load_config
from perception_kd.engine.closing_stages import REPORT
from perception_kd.engine.recipe_config import build_recipe, dry_run_recipe, read_runs, run_recipe, train_recipe
from perception_kd.engine.stages import LAST, RESULTS

MODEL = "model = dict(type='A', teachers=dict(lidar=dict(checkpoint=None)))\nepochs = 1\n"


def recipe(folder: Path, *stages: dict[str, Any], compare: tuple[str, ...] = ()) -> Config:
    folder.mkdir(parents=True, exist_ok=True)
    for stage in stages:
        if 'config' in stage:
            (folder / stage['config']).write_text(MODEL)
    (folder / 'recipe.py').write_text(f'recipe = {dict(stages=list(stages), compare=list(compare))!r}\n')
    return Config.fromfile(str(folder / 'recipe.py'))


LIDAR = dict(name='lidar', title='LiDAR teacher', config='a.py')
IMKD = dict(name='imkd', config='b.py', teachers=dict(lidar='lidar'), options=dict(epochs=2))


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """Trainings and scorings that only note what they were told."""
    calls: list[tuple] = []

    def train(config, folder, options, **switches):
        calls.append(('train', config.name, dict(options), switches))
        (folder / LAST).touch()

    def score(config, checkpoint, folder, options, launcher):
        calls.append(('score', checkpoint, dict(options)))
        (folder / RESULTS).parent.mkdir(parents=True, exist_ok=True)
        (folder / RESULTS).touch()
        return dict(mAP=0.25, NDS=None)

    def report(out, models, title):
        return lambda: calls.append(('report', [run.title for run in models], title)) or (out / REPORT).touch()

    monkeypatch.setattr('perception_kd.engine.recipe_config.report', report)
    monkeypatch.setattr('perception_kd.engine.stages.train', train)
    monkeypatch.setattr('perception_kd.engine.stages.score', score)
    return calls


def test_teachers_options_and_switches_reach_the_stages(tmp_path: Path, done: list, capsys) -> None:
    cfg, out = recipe(tmp_path / 'c', LIDAR, IMKD, compare=('lidar', 'imkd')), tmp_path / 'out'
    options = {'data_root': 'somewhere', 'recipe.compare': ['lidar', 'imkd']}
    closing = run_recipe(cfg, out, options, launcher='none', amp='bf16')
    assert [call[:2] for call in done] == [('train', 'a.py'), ('score', out / 'lidar/last.pth'), ('train', 'b.py'),
                                           ('score', out / 'imkd/last.pth'), ('report', ['LiDAR teacher', 'imkd'])]
    assert f'report    {out / REPORT}  (' in closing and done[4][2] == 'recipe'
    assert done[0][2] == dict(data_root='somewhere') and done[0][3] == dict(launcher='none', amp='bf16')
    assert done[2][2] == {'data_root': 'somewhere', 'epochs': 2,
                          'model.teachers.lidar.checkpoint': str(out / 'lidar/last.pth')}
    assert '| LiDAR teacher | 0.250 |   - |' in closing
    assert (out / 'comparison.md').read_text() in closing
    assert run_recipe(cfg, out, options, launcher='none', amp='bf16').splitlines()[:4] == closing.splitlines()[:4]
    assert len(done) == 5 and capsys.readouterr().out.count('done before') == 5
    run_recipe(cfg, out, options, launcher='none', amp=None)
    assert len(done) == 10, 'another precision is another training'


def test_settings_that_name_a_checkpoint_and_other_columns(tmp_path: Path, done: list) -> None:
    tuned = dict(name='tuned', config='c.py', loads={'load_from': 'lidar', 'model.prior.checkpoint': 'imkd'})
    cfg, out = recipe(tmp_path / 'c', LIDAR, IMKD, tuned, compare=('tuned',)), tmp_path / 'out'
    cfg.recipe.columns = {'precision': 'mAP'}
    assert '| model | precision |\n| ----- | --------: |\n| tuned |     0.250 |' in run_recipe(cfg, out, {})
    assert done[2][2] == {'load_from': str(out / 'lidar/last.pth'),
                          'model.prior.checkpoint': str(out / 'imkd/last.pth')}
    assert [call[0] for call in done] == ['train', 'train', 'train', 'score', 'report']
    assert done[4][1] == ['LiDAR teacher', 'imkd', 'tuned'], 'with what it began from'


def test_the_command_line_has_the_last_word(tmp_path: Path, done: list) -> None:
    cfg = recipe(tmp_path / 'c', LIDAR, IMKD)
    run_recipe(cfg, tmp_path / 'out', {'epochs': 7, 'model.teachers.lidar.checkpoint': 'other.pth'})
    assert done[1][2] == {'epochs': 7, 'model.teachers.lidar.checkpoint': str(tmp_path / 'out/lidar/last.pth')}


def test_weights_that_are_there_are_not_trained(tmp_path: Path, done: list) -> None:
    weights = tmp_path / 'public.pth'
    cfg = recipe(tmp_path / 'c', dict(LIDAR, checkpoint=str(weights)), IMKD)
    with pytest.raises(FileNotFoundError, match=r'checkpoint of stage lidar: .*public\.pth does not exist'):
        build_recipe(cfg, tmp_path / 'out', {})
    weights.touch()
    assert str(weights) in run_recipe(cfg, tmp_path / 'out', {})
    assert [call[:2] for call in done] == [('train', 'b.py')]
    assert done[0][2]['model.teachers.lidar.checkpoint'] == str(weights)


def test_other_weights_are_scored_and_taught_from_again(tmp_path: Path, done: list) -> None:
    weights, mine = tmp_path / 'public.pth', tmp_path / 'mine.pth'
    weights.write_text('one')
    mine.write_text('mine')
    learner = dict(IMKD, options={'load_from': str(mine)})
    for count, (changed, text) in enumerate([(weights, 'one'), (weights, 'two'), (mine, 'other')], start=1):
        changed.write_text(text)
        cfg = recipe(tmp_path / 'c', dict(LIDAR, checkpoint=str(weights)), learner, compare=('lidar',))
        for _ in range(2):
            run_recipe(cfg, tmp_path / 'out', {})
        assert [call[0] for call in done].count('train') == count
        assert [call[0] for call in done].count('score') == min(count, 2)


def test_a_dry_run_stands_in_for_teachers_that_are_not_there(tmp_path: Path, monkeypatch, capsys) -> None:
    seen = []
    monkeypatch.setattr(recipe_config, 'dry_run', seen.append)
    cfg = recipe(tmp_path / 'c', LIDAR, IMKD)
    dry_run_recipe(cfg, tmp_path / 'out', {})
    assert seen[1].model.teachers.lidar == dict(checkpoint=None, allow_random=True) and seen[1].epochs == 2
    assert "teacher 'lidar': " in capsys.readouterr().out
    (tmp_path / 'out/lidar').mkdir(parents=True)
    (tmp_path / 'out/lidar' / LAST).touch()
    dry_run_recipe(cfg, tmp_path / 'out', {})
    assert 'allow_random' not in seen[3].model.teachers.lidar
    assert os.listdir(tmp_path / 'out') == ['lidar'], 'nothing is written'


@pytest.mark.parametrize(('stages', 'message'), [
    ((), 'has no stages'),
    ((dict(LIDAR, name='a b'),), r'stage 1 \(a b\) needs a name'),
    ((LIDAR, LIDAR), r'stage 2 \(lidar\) needs a name of its own'),
    ((dict(LIDAR, epochs=3),), 'may have checkpoint, config, loads, name, options, teachers, title; got .*epochs'),
    ((dict(name='lidar'),), r'stage 1 \(lidar\) needs .* a config'),
    ((IMKD,), 'stage imkd learns from lidar, which is no earlier stage; these are none'),
])
def test_bad_recipes(tmp_path: Path, stages: tuple, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_runs(recipe(tmp_path, *stages))


@pytest.mark.parametrize(('options', 'message'), [
    ({'recipe': 'abc'}, r"columns=dict\(...\)\) and nothing else; got 'abc'"),
    ({'recipe.compares': ['lidar']}, 'and nothing else; got stages, compare, compares'),
    ({'recipe.compare': 'lidar'}, "compare is a list of names of stages; got 'lidar'"),
    ({'recipe.stages': 'abc'}, "stages are a list of dictionaries; got 'abc'"),
    ({'recipe.stages.0': 5}, r'recipe\.py: an override does not fit'),
    ({'recipe.stages': ['abc']}, r"stages are a list of dictionaries; got \['abc'"),
    ({'recipe.stages.0.options': 5}, r'options of stage lidar is a dictionary \(recipe\.stages\.0\.opt.*got 5'),
    ({'recipe.stages.1.teachers': 'lidar'}, r"teachers of stage imkd is a dict.*stages\.1\.teachers.*got 'lidar'"),
    ({'recipe.stages.1.teachers.lidar': ['a']}, 'stage imkd learns from .*a.*, which is no earlier stage'),
    ({'recipe.stages.0.checkpoint': 3}, 'checkpoint of stage lidar is text; got 3'),
])
def test_overrides_of_the_wrong_kind(tmp_path: Path, options: dict, message: str) -> None:
    recipe(tmp_path, LIDAR, IMKD)
    with pytest.raises(ValueError, match=message):  # whether it is merged or read
        read_runs(load_config(tmp_path / 'recipe.py', options))


def test_a_stage_without_a_model(tmp_path: Path) -> None:
    cfg = recipe(tmp_path / 'c', LIDAR)
    for use in (build_recipe, dry_run_recipe):
        with pytest.raises(ValueError, match=r"a\.py: model is a dictionary of settings; got 'abc'"):
            use(cfg, tmp_path / 'out', {'model': 'abc'})


def test_unknown_comparison_and_config(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='compares unknown stages student'):
        read_runs(recipe(tmp_path, LIDAR, compare=('student',)))
    cfg = recipe(tmp_path, LIDAR)
    (tmp_path / 'a.py').unlink()
    with pytest.raises(FileNotFoundError, match=r'config of stage lidar: .*a\.py does not exist'):
        read_runs(cfg)


def test_the_tool_runs_it_or_looks_at_it(tmp_path: Path, done: list, monkeypatch, capsys) -> None:
    cfg = recipe(tmp_path / 'c', LIDAR)
    monkeypatch.setattr(recipe_config, 'dry_run', lambda stage: print('dry'))
    train_recipe(cfg, str(tmp_path / 'out'), {}, dry=True)
    assert capsys.readouterr().out.endswith('dry\n') and not done
    train_recipe(cfg, str(tmp_path / 'out'), {}, resume='auto', launcher='none', amp=None)
    assert len(done) == 1 and f'LiDAR teacher: {tmp_path / "out/lidar/last.pth"}' in capsys.readouterr().out
    with pytest.raises(ValueError, match='a recipe goes on by itself'):
        train_recipe(cfg, str(tmp_path / 'out'), {}, resume='epoch_3.pth')
