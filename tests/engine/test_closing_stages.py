"""The end of a demo: its command lines are such as the tools take, and a report is written on what there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from perception_kd.benchmark.options import build_parser as benchmark_parser
from perception_kd.engine import closing_stages, demo, demo_real
from perception_kd.engine.closing_stages import REPORT, Shown, report, report_line
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.evaluation.commands import build_parser as evaluate_parser
from perception_kd.visualization.commands import build_parser as visualize_parser

PARSERS = dict(benchmark=benchmark_parser, evaluate=evaluate_parser, visualize=visualize_parser)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list:
    """What the tools would be called with, as they read it."""
    calls: list = []

    def tool(name, *arguments, quiet=False):
        return lambda: calls.append(PARSERS[name]('').parse_args(list(map(str, arguments))))

    monkeypatch.setattr(closing_stages, 'tool', tool)
    return calls


@pytest.mark.parametrize(('module', 'names'), [
    (demo, ['film', 'maps', 'view3d', 'latency', 'bias', 'report']),
    (demo_real, ['maps', 'view3d', 'latency', 'bias', 'report'])])
def test_every_stage_asks_the_tools_for_what_it_says_it_makes(called: list, tmp_path: Path, module, names) -> None:
    teacher, student, distilled = (module.RUNS[0], *module.RUNS[-2:])
    scene = getattr(module, 'SCENE', None)
    shown = Shown(tmp_path, tmp_path / 'data', module.VERSION, module.SPLIT, teacher, student, distilled, scene, 4)
    stages = {stage.name: stage for stage in closing_stages.closing_stages(shown, module.RUNS, module.TITLE)}
    assert list(stages) == names and all(one.optional for one in stages.values())
    assert {f'score_{run.name}' for run in module.RUNS} < set(stages['report'].after)
    (tmp_path / 'pictures').mkdir()
    (tmp_path / 'latency.json').touch()
    for stage in stages.values():
        stage.run()
    asked = dict(zip(names, called))
    for name, made in (('film', 'out'), ('view3d', 'out'), ('latency', 'json'), ('report', 'out')):
        if name in asked:
            assert stages[name].outputs == (getattr(asked[name], made),)
    assert all(stages[name].outputs[0].parent == asked[name].out for name in ('maps', 'bias'))
    assert asked['maps'].checkpoint == tmp_path / distilled.name / 'last.pth'
    assert f'model.teachers.lidar.checkpoint={tmp_path / teacher.name / "last.pth"}' in asked['maps'].cfg_options
    assert asked['bias'].distilled == asked['view3d'].results == tmp_path / distilled.name / 'results_nusc.json'
    assert asked['report'].runs == [*(f'{run.title}={tmp_path / run.name}' for run in module.RUNS),
                                    str(tmp_path / 'latency.json')], 'an empty folder is nothing to report'


def test_only_the_first_process_writes_the_report(called: list, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(closing_stages, 'is_main_process', lambda: False)
    report(tmp_path, demo.RUNS, 'title')()
    assert not called and not (tmp_path / REPORT).exists()


def test_the_end_names_the_report_or_says_that_there_is_none(tmp_path: Path) -> None:
    def end(work) -> str:
        stages = [Stage('report', 'tell', work, inputs=work.__name__, outputs=(tmp_path / REPORT,), optional=True)]
        recipe = Recipe(tmp_path, stages, echo=lambda line: None)
        recipe.run()
        return report_line(recipe)

    def good() -> None:
        (tmp_path / REPORT).touch()

    def bad() -> None:
        raise ValueError('no plotly')

    assert str(tmp_path / REPORT) in end(good)
    assert 'none' in end(bad) and REPORT not in end(bad), 'the page of the run before is there, but not of this one'
