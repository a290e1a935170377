"""A whole search of a model that is neither stereo nor 3D: every stage, killed on its way, resumed."""

from __future__ import annotations

import importlib.util
import json
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from perception_kd.compress.search.family import even_budgets
from perception_kd.compress.search.job import SearchJob
from perception_kd.compress.search.solve import solve
from perception_kd.compress.search.stages import run_search
from perception_kd.engine.build import load_config
from perception_kd.export.student import load_student
from tests.compress.toy_search import ToySearchSpace, counting_time, write_toy

ROOT = Path(__file__).parents[2]


class Killed(Exception):
    """Stands for a power failure."""


@pytest.fixture(scope='module', autouse=True)
def counted() -> Iterator[None]:
    """Latency is counted in this file."""
    with counting_time():
        yield


@pytest.fixture(scope='module')
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Config and checkpoint of the teacher."""
    return write_toy(tmp_path_factory.mktemp('toy'))


def job_of(toy: tuple[Path, Path], folder: Path, *, lines: list[str] | None = None, die_at: str = '',
           **more: object) -> SearchJob:
    """A job that keeps its lines, and dies at one."""
    def echo(line: str) -> None:
        if die_at and line.startswith(die_at):
            raise Killed(line)
        if lines is not None:
            lines.append(line)

    return SearchJob(config=toy[0], checkpoint=toy[1], folder=folder, echo=echo, **more)


def contents(folder: Path) -> dict[str, bytes]:
    """Every JSON by name."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob('*.json'))}


@pytest.fixture(scope='module')
def searched(toy: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a search without a break, up to the tables."""
    folder = tmp_path_factory.mktemp('whole')
    run_search(job_of(toy, folder), until='solve')
    return folder


def test_a_search_that_is_killed_again_and_again_ends_with_the_same_tables(toy, searched, tmp_path) -> None:
    before: dict[str, bytes] = {}
    for die_at in ('measure b', 'train b', 'a '):
        with pytest.raises(Killed):
            run_search(job_of(toy, tmp_path, die_at=die_at), until='solve')
        after = contents(tmp_path)
        assert {name: after[name] for name in before} == before, 'finished parts are left as they are'
        assert len(after) > len(before)
        before = after
    lines: list[str] = []
    run_search(job_of(toy, tmp_path, lines=lines), until='solve')
    assert json.loads((tmp_path / 'tables.json').read_bytes()) == json.loads((searched / 'tables.json').read_bytes())
    assert not any(line.startswith(('sample', 'measure', 'train')) for line in lines)


def test_the_tables_hold_what_a_candidate_alone_does(toy, searched) -> None:
    job = job_of(toy, searched)
    table = json.loads((searched / 'tables.json').read_bytes())
    assert table['conditions']['threads'] == torch.get_num_threads()
    assert table['conditions']['size'] == [[4, 8, 8]]
    assert set(table['blocks']) == {'a', 'b'}
    own = table['blocks']['a']['teacher']['latency_ms']
    assert own == pytest.approx(64 * 9 * (4 * 16 + 16 * 16 + 16 * 4))
    for name, row in list(table['blocks']['a'].items())[1:]:
        assert row['latency_ms'] < own
        assert row['score'] == pytest.approx(gap_by_hand(job, {'a': name}), rel=1e-5)


def gap_by_hand(job: SearchJob, names: dict[str, str]) -> float:
    """The metric of a combination, without evaluator, loader or swapping."""
    held = set(job.held.loader['dataset']['indices'])
    assert held.isdisjoint(job.held.training.train_dataloader.dataset.indices)
    assert len(held) == 4
    blocks = dict(job.teacher.blocks) | {block: job.module(block, name) for block, name in names.items()}
    found = []
    for seed in held:
        maps = torch.randn(4, 8, 8, generator=torch.Generator().manual_seed(5000 + seed))[None]
        with torch.no_grad():
            for block in blocks.values():
                maps = block.eval()(maps)
        found.append(float((maps - 0.1).square().mean()))
    return sum(found) / len(found)


def test_a_student_is_what_was_chosen(toy, searched) -> None:
    lines: list[str] = []
    job = job_of(toy, searched, lines=lines, options={'search.least_rho': -1.0})
    table = job.table()
    budget = round(0.5 * (table.latency + min(even_budgets(table))))
    run_search(job, budget=budget)
    (folder,) = searched.glob('student_*ms')
    record = json.loads((folder / 'student.json').read_bytes())
    chosen = record['predicted']['blocks']
    found = solve(table.choices(), budget, top=2, base=table.latency)
    assert chosen in [one.names for one in found]
    assert record['measured_score'] == min(job.score(one.names) for one in found)
    assert record['measured_score'] == pytest.approx(gap_by_hand(job, {
        block: name for block, name in chosen.items() if name != 'teacher'}), rel=1e-5)
    assert record['predicted']['latency_ms'] <= budget
    cfg = load_config(folder / 'config.py', {'data_root': 'elsewhere'})
    assert cfg.train_dataloader.dataset.data_root == 'elsewhere'
    assert cfg.get('search') is None
    student = load_student(cfg, cfg.load_from)
    for block, name in chosen.items():
        expected = (job.teacher.blocks[block] if name == 'teacher' else job.module(block, name)).state_dict()
        assert all(torch.equal(value, expected[key]) for key, value in student.blocks[block].state_dict().items())
    assert any("Spearman's rho" in line for line in lines)


def test_a_family_has_a_row_for_each_latency(toy, searched) -> None:
    job = job_of(toy, searched, options={'search.least_rho': -1.0})
    table = job.table()
    run_search(job, sweep=[])
    family = json.loads((searched / 'family.json').read_bytes())
    budgets = [row['budget_ms'] for row in family['members']]
    assert len(budgets) == 6
    assert budgets[-1] == pytest.approx(table.latency, abs=0.01)
    for row in family['members']:
        assert row['predicted']['latency_ms'] <= row['budget_ms']
        # The time of a chain of blocks is the sum of theirs, and so is the prediction where time is counted.
        assert row['measured']['latency_ms'] == pytest.approx(row['predicted']['latency_ms'])
        assert row['measured']['macs'] == pytest.approx(row['measured']['latency_ms'])
    scores = [row['predicted']['score'] for row in family['members']]
    assert all(later <= earlier or math.isclose(later, earlier) for earlier, later in pairwise(scores))
    assert (searched / 'family.png').stat().st_size > 10_000
    assert (searched / 'family.svg').read_text().startswith('<?xml')


def test_tables_that_predict_nothing_stop_the_search(toy, searched) -> None:
    with pytest.raises(ValueError, match=r"Spearman's rho .* below 1\.5"):
        run_search(job_of(toy, searched, options={'search.least_rho': 1.5}), budget=1e9)
    assert not (searched / 'student_1e+09ms').exists()


def test_the_command_line_goes_on_with_a_search(toy, searched, monkeypatch, capsys) -> None:
    spec = importlib.util.spec_from_file_location('search_tool', ROOT / 'tools' / 'search.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    monkeypatch.setattr('sys.argv', ['search.py', *map(str, toy), '--work-dir', str(searched), '--until', 'solve',
                                     '--budget', '9e6', '--sweep', '7e6', '8e6', '--cfg-options', 'search.top=1'])
    assert tool.main() == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split(':')[0] for line in told if '; predicted ' in line] == ['9e+06 ms', '7e+06 ms', '8e+06 ms']
    assert len(json.loads((searched / 'solutions' / '7e+06ms.json').read_bytes())['solutions']) == 1


def test_too_small_a_budget_names_the_smallest(toy, searched) -> None:
    job = job_of(toy, searched)
    table = json.loads((searched / 'tables.json').read_bytes())
    least = table['teacher']['latency_ms'] + sum(
        min(row['latency_difference_ms'] for row in rows.values()) for rows in table['blocks'].values())
    with pytest.raises(ValueError, match=f'takes 1 ms or less; the smallest possible is {least:g} ms'):
        run_search(job, budget=1.0)


def test_another_device_and_another_search_are_refused(toy, tmp_path) -> None:
    run_search(job_of(toy, tmp_path, blocks=['a']), until='measure')
    with pytest.raises(ValueError, match=r'b\.json is missing: stage sample'):
        job_of(toy, tmp_path).specs('b')
    path = tmp_path / 'latency' / 'a.json'
    part = json.loads(path.read_bytes())
    part['conditions']['device'] = 'another chip'
    path.write_text(json.dumps(part))
    with pytest.raises(ValueError, match="cannot be mixed: measured with device 'another chip' and "):
        run_search(job_of(toy, tmp_path), until='measure')
    with pytest.raises(ValueError, match='of a search with another candidates; take another --work-dir'):
        job_of(toy, tmp_path, options={'search.candidates': 3})
    job_of(toy, tmp_path, options={'search.budget': 3.0, 'search.latency.runs': 9})


@pytest.mark.parametrize(('options', 'message'), [
    ({'search.validation': dict()}, None),
    ({'search.validation': dict(dataset=dict(ann_file='test'))}, 'scored on the test data'),
    ({'search.validation': dict(count=24)}, 'has 24 samples, and some must be left'),
    ({'search.validation': dict(share=0.1)}, 'search.validation does not take share'),
    ({'search.metric': 'EPE'}, "'EPE': the evaluator gives no such figure; there are toy/gap, toy/count"),
    ({'search.better': 'smaller'}, "'lower' or 'higher', got 'smaller'"),
    ({'search.speed': 3}, 'search does not take speed; it takes space, metric'),
    ({'search.latency.size': [32, 32]}, 'leave search.latency.size out'),
    ({'search.pairs_to_check': 3}, 'search.pairs_to_check is a whole number of at least 10, got 3'),
    ({'model.type': 'Distiller'}, 'is of a distiller'),
])
def test_settings_that_do_not_fit_are_said(toy, tmp_path, options: dict, message: str | None) -> None:
    def search() -> None:
        job = job_of(toy, tmp_path, options=options, blocks=['a'])
        job.score({})
        run_search(job, until='sample')

    if message is None:
        search()
        return
    with pytest.raises(ValueError, match=message):
        search()


def test_the_space_that_is_searched_has_its_blocks(toy, tmp_path) -> None:
    with pytest.raises(ValueError, match="no block 'c'; it has a, b"):
        job_of(toy, tmp_path, blocks=['c'])
    with pytest.raises(ValueError, match=r"a search has the stages sample, .*, not 'smple'"):
        run_search(job_of(toy, tmp_path), until='smple')
    with pytest.raises(ValueError, match='above 0, got -3'):
        run_search(job_of(toy, tmp_path), budget=-3)
    assert ToySearchSpace().path('a') == 'blocks.a'
