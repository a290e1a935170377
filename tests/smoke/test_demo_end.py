"""The end of ``make demo``: whatever else fails, models that are scored get their report, and the demo names it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perception_kd.engine import demo
from perception_kd.engine.closing_stages import REPORT, Shown, closing_stages
from perception_kd.engine.recipe import Recipe, Stage
from perception_kd.evaluation.fast.evaluate import evaluate_fast
from tests.evaluation.helpers import disturb, perfect_results, save
from tests.tiny_world import VERSION

SPLIT = 'tiny_val'
CONFIG = """data_root = {root!r}
model = dict(type='Distiller', pairs={pairs}, teachers=dict(lidar=dict(checkpoint={path!r})))
"""


def scored(root: Path, folder: Path, seed: int, pairs: str) -> dict[str, float]:
    """A model's folder as training and scoring leave it, in short."""
    results = save(folder / 'results_nusc.json', disturb(perfect_results(root, VERSION, SPLIT), seed))
    summary = evaluate_fast(results, root, VERSION, SPLIT, folder)
    (folder / 'config.py').write_text(CONFIG.format(root=str(root), pairs=pairs, path=str(
        folder.parent / demo.RUNS[0].name / 'last.pth')))
    return dict(mAP_present=summary['mean_ap'], mAP=summary['mean_ap'], NDS=summary['nd_score'])


def test_the_report_is_written_whatever_else_is_left_out(tiny_root: Path, tmp_path: Path, capfd) -> None:
    pairs = ('{}', '{}', 'dict(a=dict())')
    scores = [Stage(f'score_{run.name}', run.title, lambda run=run, seed=seed: scored(
        tiny_root, tmp_path / run.name, seed, pairs[seed])) for seed, run in enumerate(demo.RUNS)]
    shown = Shown(tmp_path, tmp_path / 'no data', VERSION, SPLIT, *demo.RUNS, scene=0)
    *others, report = closing_stages(shown, demo.RUNS, demo.TITLE)

    def fail() -> None:
        raise ImportError('libfoo.so.1: install it')

    recipe = Recipe(tmp_path, [*scores, *(replace(stage, run=fail) for stage in others), report])
    closing = demo.run(recipe)
    page = (tmp_path / REPORT).read_text()
    assert closing.splitlines()[-1].startswith(f'report    {tmp_path / REPORT}')
    assert capfd.readouterr().out.count('left out. libfoo.so.1: install it') == len(others) == 5
    assert demo.TITLE in page and all(run.title in page for run in demo.RUNS)
    assert all(f'id="{key}"' in page for key in ('overview', 'frames', 'findings')) and 'id="maps"' not in page
