"""The queue: what is finished stays, what failed is tried again, what another process does is left to it."""

import fcntl
import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config

from perception_kd.comparison import queue as queue_module
from perception_kd.comparison.direction import direction
from perception_kd.comparison.entry import Entry
from perception_kd.comparison.metrics import default_metrics, first_metric
from perception_kd.comparison.queue import Queue, plan_runs
from perception_kd.comparison.runs import FORMAT, portable_options
from perception_kd.comparison.summary import check_metrics, conclude, describe_plan
from perception_kd.engine.build import load_config
from perception_kd.files import write_json
from perception_kd.registry import METRICS

CONFIGS = Path(__file__).parents[2] / 'configs'
DEMO, STEREO = CONFIGS / 'demo', CONFIGS / 'stereo'
NONE = Entry('none', DEMO / 'sim_student.py')
KD = Entry('kd', DEMO / 'sim_imkd.py', {'model.teachers.lidar.allow_random': True})


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the runs that were done, in order; a run called in ``done.broken`` fails."""

    class Done(list):
        broken: set[str] = set()
        error: type[Exception] = ValueError

    names = Done()

    def execute(run, out, work):
        names.append(run.name)
        if run.name in names.broken:
            raise names.error('it\nbroke')
        found = dict(format=FORMAT, name=run.entry.name, seed=run.seed, key=dict(run.key), metrics=dict(mAP=0.1),
                     seconds=dict(train=60.0, score=0.0), student_init='a', world='', differs=[])
        write_json(run.file(out), found)
        return found

    monkeypatch.setattr(queue_module, 'execute', execute)
    return names


def make(out: Path, *entries: Entry, seeds=(0, 1), **shared) -> Queue:
    return Queue(plan_runs(entries, seeds, shared, {}), out, out / 'work', echo=lambda line: None)


def test_seeds_go_first_and_what_is_finished_is_not_done_again(done, tmp_path: Path) -> None:
    make(tmp_path, NONE, KD).work_off()
    assert done == ['none-seed0', 'kd-seed0', 'none-seed1', 'kd-seed1']
    (tmp_path / 'kd-seed0.json').unlink()
    queue = make(tmp_path, NONE, KD)
    assert '3 of 4 runs are finished; the others take about 1 min' in describe_plan(queue)
    queue.work_off()
    assert done[4:] == ['kd-seed0']
    assert '| kd ' in conclude(queue, ['none', 'kd'], ['mAP'], {}) and (tmp_path / 'comparison.md').is_file()
    with pytest.raises(ValueError, match='no run has a metric gold; there are: mAP'):
        conclude(queue, ['none', 'kd'], ['gold'], {})


@pytest.mark.parametrize('error', [ValueError, RuntimeError])
def test_a_failure_stops_nothing_is_told_and_tried_again(done, tmp_path: Path, error: type[Exception]) -> None:
    done.broken, done.error = {'kd-seed0'}, error
    queue = make(tmp_path, NONE, KD)
    queue.work_off()
    queue.work_off()
    assert done == ['none-seed0', 'kd-seed0', 'none-seed1', 'kd-seed1']
    with pytest.raises(ValueError, match=r'1 of 4 runs failed \(kd-seed0: it broke\)'):
        conclude(queue, ['none', 'kd'], ['mAP'], {})
    done.broken = set()
    queue.forget_failures()
    queue.work_off()
    assert done[4:] == ['kd-seed0']


def test_what_another_process_does_is_left_to_it(done, tmp_path: Path) -> None:
    queue = make(tmp_path, NONE, seeds=(0, 1))
    queue.work.mkdir(parents=True)
    with (queue.work / 'none-seed0.lock').open('w') as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        queue.work_off()
    assert done == ['none-seed1']
    assert '1 runs are being done by other processes' in conclude(queue, ['none'], ['mAP'], {})


class Noted:
    """A part that tells whether the run's folder was there."""

    key = 'noted'

    def lacks(self, found: dict) -> bool:
        return self.key not in found

    def gather(self, found: dict, cfg: Config, folder: Path | None) -> list:
        if found['seed'] == 1:
            raise ValueError('not\nthere')
        return [cfg.randomness.seed, folder is not None]


def test_finished_runs_are_completed_whenever_they_finished(done, tmp_path: Path) -> None:
    make(tmp_path, NONE, seeds=(0,)).work_off()
    told = []
    queue = Queue(plan_runs([NONE], (0, 1, 2), {}, {}), tmp_path, tmp_path / 'work', told.append, parts=[Noted()])
    write_json(queue.work / 'none-seed2' / '.run-key', dict(queue.runs[2].key))
    queue.work_off()
    assert done == ['none-seed0', 'none-seed1', 'none-seed2']
    assert [run.result(tmp_path).get('noted') for run in queue.runs] == [[0, False], None, [2, True]]
    assert 'none-seed1: no noted: not there' in told


def test_results_of_other_settings_and_other_files_are_refused(done, tmp_path: Path) -> None:
    make(tmp_path, NONE, seeds=(0,)).work_off()
    with pytest.raises(ValueError, match=r'is of a run with other settings of .*train_cfg'):
        make(tmp_path, NONE, seeds=(0,), max_epochs=9).unfinished()
    for content in ('{', '[]', json.dumps(dict(format=FORMAT))):
        (tmp_path / 'none-seed0.json').write_text(content)
        with pytest.raises(ValueError, match='damaged or not the result of a run'):
            make(tmp_path, NONE, seeds=(0,)).unfinished()


def test_unfair_comparisons_are_refused_or_marked() -> None:
    longer = Entry('longer', NONE.config, {'max_epochs': 9})
    with pytest.raises(ValueError, match='longer differs from none in more than its distillation: param_scheduler'):
        plan_runs([NONE, longer], [0], {}, {})
    runs = plan_runs([NONE, longer], [0], {}, {}, allow_differences=True)
    assert 'train_cfg.max_epochs' in runs[1].differs and not runs[0].differs
    with pytest.raises(ValueError, match='no config has a teacher label; there are: lidar'):
        plan_runs([NONE, KD], [0], {}, {'label': Path('x')})


def test_a_difference_is_that_from_the_reference_of_now(done, tmp_path: Path) -> None:
    """A run that was once the reference, or was compared with another one, keeps nothing of that."""
    longer = Entry('longer', NONE.config, {'max_epochs': 9})
    for entries in ((longer,), (NONE, longer)):
        queue = Queue(plan_runs(entries, (0, 1), {}, {}, True), tmp_path, tmp_path / 'work', lambda line: None)
        queue.work_off()
    assert done == ['longer-seed0', 'longer-seed1', 'none-seed0', 'none-seed1']
    both = conclude(queue, ['none', 'longer'], ['mAP'], {})
    assert '| longer * ' in both and '* longer differs from none in more than its distillation: param_scheduler' in both


def test_some_entries_have_more_seeds() -> None:
    third = Entry('third', KD.config, KD.options)
    runs = plan_runs([NONE, KD, third], (0, 1), {}, {}, more_seeds=dict(none=[3, 2, 1], kd=[2]))
    assert [run.name for run in runs[6:]] == ['none-seed2', 'kd-seed2', 'none-seed3']
    with pytest.raises(ValueError, match='none has no seed 2, so nothing could be compared with kd'):
        plan_runs([NONE, KD], (0,), {}, {}, more_seeds=dict(kd=[2]))
    with pytest.raises(ValueError, match='no entry is called imkd; there are: none, kd'):
        plan_runs([NONE, KD], (0,), {}, {}, more_seeds=dict(imkd=[2]))


def test_metrics_that_no_run_will_have_are_refused_first() -> None:
    runs = plan_runs([NONE], [0], {}, {})
    check_metrics(['mAP', 'car_AP', 'mAVE'], runs)
    with pytest.raises(ValueError, match='no run will have gold; there are: mAP, NDS'):
        check_metrics(['mAP', 'gold'], runs)
    runs[0].cfg.test_evaluator.type = 'SomeonesMetric'
    check_metrics(['gold'], runs)
    assert default_metrics(runs) == ('mAP', 'NDS', 'mATE')


def test_metrics_of_drones() -> None:
    """Their names follow the evaluator's settings; the name of another data set stays before them."""
    runs = plan_runs([NONE], [0], {}, {})
    runs[0].cfg.test_evaluator = dict(type='UAVMetric', ann_file='a.json', max_dets=300, nwd=12.8)
    check_metrics(['AP_vt', 'AR300', 'recall_NWD12.8', *default_metrics(runs)], runs)
    with pytest.raises(ValueError, match='no run will have mAP; there are: AP, AP5090'):
        check_metrics(['mAP'], runs)
    runs[0].cfg.test_evaluator.prefix = 'halmstad'
    check_metrics(['halmstad/F1'], runs)
    assert default_metrics(runs)[0] == 'halmstad/AP'
    with pytest.raises(ValueError, match='no run will have F1'):
        check_metrics(['F1'], runs)


@pytest.mark.parametrize('config, options, name, bad', [
    ('small_student', {}, 'simulated', 2), ('small_student', {'dataset_name': 'mine'}, 'mine', 2),
    ('small_zero_shot', {'test_evaluator.thresholds': [1, 4]}, 'middlebury', 1),
    ('small_zero_shot', {'test_sets': ['${listed_pairs}'], 'pairs_list': 'a/list.jsonl'}, 'list', 2)])
def test_metrics_of_stereo(config: str, options: dict, name: str, bad: float) -> None:
    """Those of the first data set; the evaluator gives figures of these names, without a mask of visible pixels too."""
    runs = plan_runs([NONE], [0], {}, {})
    object.__setattr__(runs[0], 'cfg', load_config(STEREO / f'{config}.py', options))
    assert default_metrics(runs) == (f'{name}/EPE_all', f'{name}/BP-{bad}_all', f'{name}/D1_all')
    truth, metric = np.full((4, 8), 3.0, np.float32), METRICS.build(runs[0].cfg.test_evaluator)
    metric.process(None, [dict(left_path='a.png', dataset=name, pred_disp=truth, gt_disp=truth, gt_valid=truth > 0)])
    found = {key.removeprefix('stereo/'): 0.0 for key in metric.evaluate(1)}
    assert set(default_metrics(runs)) <= set(found) and first_metric([dict(metrics=found)]) == f'{name}/EPE_all'


def test_which_way_a_metric_is_better() -> None:
    for names, way in (('mAP NDS mAP_present car_AP AP_vt recall halmstad/F1', 1),
                       ('mATE car_AVE simulated/EPE_noc eth3d/BP-0.5_all D1_occ FPPI_negatives', -1),
                       ('best_F1_score simulated/density_noc loss', 0)):
        assert {direction(name) for name in names.split()} == {way}


def test_what_a_killed_helper_leaves_is_done(done, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location('compare', DEMO.parents[1] / 'tools' / 'compare.py')
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    (tmp_path / 'work').mkdir()
    claim = (tmp_path / 'work' / 'sim_student-seed0.lock').open('w')

    class Helper:
        def __init__(self, jobs: int) -> None:
            fcntl.flock(claim, fcntl.LOCK_EX)

        def wait(self) -> None:
            claim.close()

    monkeypatch.setattr(tool, 'start_helper', Helper)
    monkeypatch.setattr('torch.set_num_threads', lambda count: None)
    command = f'compare {NONE.config} --out {tmp_path} --seeds 0 1 --jobs 2 --metrics mAP'
    monkeypatch.setattr(sys, 'argv', command.split())
    assert tool.main() == 0
    assert done == ['sim_student-seed1', 'sim_student-seed0']


def test_a_result_names_no_path_of_this_machine() -> None:
    given = {'load_from': '/home/me/run/epoch_8.pth', 'max_epochs': 12, 'data_root': 'data/uav'}
    assert portable_options(given) == {'load_from': 'run/epoch_8.pth', 'max_epochs': 12, 'data_root': 'data/uav'}
